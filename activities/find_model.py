"""Activity `find_model`: are the weights this job needs there, or must they be fitted first?"""

from activities import gpu_tasks, model_choice, model_records, models
from activities.refusal import JobRefused
from contracts import layout
from contracts.steps import ModelState, RunRef


def find_model(run: RunRef) -> ModelState:
    """Say what is needed before chunks can be scored, and choose the network that is to be fitted.

    Raises:
        JobRefused: the request names a fitted model that does not exist, or its style image is gone.
    """
    start = gpu_tasks.read_start(run.job)
    request = start.request
    if request.scorer != "style-transfer":
        return ModelState(needed="none")
    if models.builtin_style(start):
        return ModelState(needed="ready")
    if request.model is not None:
        if models.find_weights(request.model) is None:
            raise JobRefused(f"model: {request.model} is not in container {layout.MODELS!r}; name a style instead")
        return ModelState(needed="ready", model=request.model)
    choice = model_choice.choose(start)
    ready = model_records.ready_record(start, choice) is not None
    return ModelState(needed="ready" if ready else "fit", model=choice.key)
