"""Activity `submit_stitch`: hand one attempt at stitching a job's result to Batch."""

from activities import gpu_tasks
from activities.release_gate import Complete, require_every_frame
from activities.settings import settings
from activities.storage import system_account
from contracts import layout
from contracts.steps import Submitted, TaskRef
from contracts.task_spec import SegmentRef, StitchSpec


def submit_stitch(task: TaskRef) -> Submitted:
    """Write the task's spec and queue its message.

    Raises:
        JobRefused: frames are missing (named), or too many are bad: no node is told to stitch that.
    """
    if gpu_tasks.has_ended(task.job, task.run):
        return Submitted(state="ended")
    is_submitted = gpu_tasks.hand_over(task, _spec(task, require_every_frame(task.job)))
    return Submitted(state="submitted" if is_submitted else "ended")


def _spec(task: TaskRef, job: Complete) -> StitchSpec:
    system, hours = system_account(), settings().sas_hours
    segments = tuple(
        SegmentRef(
            url=system.blob_sas_url(layout.JOBS, outcome.segment, "r", hours),
            sha256=outcome.segment_sha256,
            first=outcome.first,
            last=outcome.last,
        )
        for outcome in job.outcomes
    )
    return StitchSpec(
        identity=gpu_tasks.identity(task),
        source=gpu_tasks.video_source(job.start),
        # Where every frame is a keyframe, they are most of an index; nothing is decoded here.
        index=job.index.model_copy(update={"keyframes": job.index.keyframes[:1]}),
        segments=segments,
        # `w`, because a result may be larger than one request takes, and its blocks are put together with that right.
        to=gpu_tasks.destinations(task, layout.JOBS, layout.stitched_blob(task.job, task.task, task.run), "rw"),
    )
