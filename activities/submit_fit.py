"""Activity `submit_fit`: hand one attempt at fitting a style network to Batch."""

from activities import gpu_tasks, model_choice, model_records, models
from activities.settings import settings
from activities.storage import system_account
from contracts import layout
from contracts.fit import ModelChoice
from contracts.job import StartInput
from contracts.steps import Submitted, TaskRef
from contracts.task_spec import FitSpec, SourceRef
from contracts.video_index import VideoIndex


def submit_fit(task: TaskRef) -> Submitted:
    """Write the task's spec and queue its message.

    Raises:
        JobRefused: the style image was deleted or replaced.
    """
    if gpu_tasks.has_ended(task.job, task.run):
        return Submitted(state="ended")
    start = gpu_tasks.read_start(task.job)
    choice = model_choice.pinned(start)
    if model_records.ready_record(start, choice) is not None:
        return Submitted(state="done")
    is_submitted = gpu_tasks.hand_over(task, _spec(task, start, choice))
    return Submitted(state="submitted" if is_submitted else "ended")


def _spec(task: TaskRef, start: StartInput, choice: ModelChoice) -> FitSpec:
    known = settings()
    url, etag, size = models.style_source(start)
    has_video = start.request.video is not None
    return FitSpec(
        identity=gpu_tasks.identity(task),
        source=gpu_tasks.video_source(start) if has_video else None,
        index=system_account().read_json(layout.JOBS, layout.index_blob(task.job), VideoIndex) if has_video else None,
        style=SourceRef(url=url, etag=etag, size=size),
        recipe=choice.recipe,
        style_scale=choice.style_scale,
        size_class=choice.size_class,
        steps=choice.steps or None,
        max_seconds=known.fit_max_seconds,
        max_style_bytes=known.max_style_bytes,
        max_style_pixels=known.max_style_pixels,
        to=gpu_tasks.destinations(task, layout.MODELS, layout.model_blob(choice.key)),
    )
