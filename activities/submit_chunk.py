"""Activity `submit_chunk`: hand one attempt at a chunk to Batch, unless an earlier one has finished it."""

from activities import gpu_tasks, models
from activities.segments import find_outcome, record
from activities.storage import system_account
from contracts import layout
from contracts.plan import Chunk, Plan
from contracts.steps import Submitted, TaskRef
from contracts.task_spec import ScorerOptions, ScoreSpec
from contracts.video_index import VideoIndex


def submit_chunk(task: TaskRef) -> Submitted:
    """Write the task's spec and queue its message.

    Raises:
        JobRefused: the model it needs is gone.
    """
    assert task.chunk is not None
    if gpu_tasks.has_ended(task.job, task.run):
        return Submitted(state="ended")
    chunk = system_account().read_json(layout.JOBS, layout.plan_blob(task.job), Plan).chunks[task.chunk]
    if finished := find_outcome(task.job, chunk):
        record(task.job, finished)
        return Submitted(state="done", frames=chunk.frame_count)
    gpu_tasks.hand_over(task, _spec(task, chunk))
    return Submitted(state="submitted")


def _spec(task: TaskRef, chunk: Chunk) -> ScoreSpec:
    start = gpu_tasks.read_start(task.job)
    index = system_account().read_json(layout.JOBS, layout.index_blob(task.job), VideoIndex)
    options = start.request.options.model_dump(include=set(ScorerOptions.model_fields))
    return ScoreSpec(
        identity=gpu_tasks.identity(task),
        source=gpu_tasks.video_source(start),
        index=index.window(chunk.first - chunk.warm_up, chunk.last),
        first=chunk.first,
        last=chunk.last,
        warm_up=chunk.warm_up,
        scorer=start.request.scorer,
        model=models.model_ref(start),
        options=ScorerOptions.model_validate(options),
        to=gpu_tasks.destinations(task, layout.JOBS, layout.segment_blob(task.job, task.task, task.run)),
    )
