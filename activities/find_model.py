"""Activity `find_model`: are the weights this job needs there, or must they be fitted first?"""

from activities import gpu_tasks, models
from activities.refusal import JobRefused
from contracts import layout
from contracts.steps import ModelState, RunRef


def find_model(run: RunRef) -> ModelState:
    """Say what is needed before chunks can be scored.

    Raises:
        JobRefused: the request names a fitted model that does not exist.
    """
    start = gpu_tasks.read_start(run.job)
    request = start.request
    if request.scorer != "style-transfer":
        return ModelState(needed="none")
    if models.builtin_style(start) or models.exists(start):
        return ModelState(needed="ready")
    if request.model is not None:
        raise JobRefused(f"model: {request.model} is not in container {layout.MODELS!r}; name a style instead")
    return ModelState(needed="fit")
