"""Activity `submit_fit`: hand one attempt at fitting a style network to Batch."""

from activities import gpu_tasks, models
from activities.settings import settings
from activities.storage import system_account
from contracts import layout
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
    if models.exists(start):
        return Submitted(state="done")
    url, etag, size = models.style_source(start)
    index = system_account().read_json(layout.JOBS, layout.index_blob(task.job), VideoIndex)
    spec = FitSpec(
        identity=gpu_tasks.identity(task),
        source=gpu_tasks.video_source(start),
        index=index,
        style=SourceRef(url=url, etag=etag, size=size),
        recipe=models.recipe(),
        style_scale=start.request.options.style_scale,
        size_class=models.size_class(index, start),
        steps=settings().fit_steps or None,
        max_seconds=settings().fit_max_seconds,
        max_style_bytes=settings().max_style_bytes,
        max_style_pixels=settings().max_style_pixels,
        to=gpu_tasks.destinations(task, layout.MODELS, layout.model_blob(models.model_key(start))),
    )
    return Submitted(state="submitted" if gpu_tasks.hand_over(task, spec) else "ended")
