"""Activity `find_model`: are the weights this job needs there, or must they be fitted first?"""

from activities import models
from activities.refusal import JobRefused
from activities.storage import system_account
from contracts import layout
from contracts.job import StartInput
from contracts.steps import ModelState, RunRef
from contracts.styles import BUILTIN_STYLES


def find_model(run: RunRef) -> ModelState:
    """Say what is needed before chunks can be scored.

    Raises:
        JobRefused: the request names a fitted model that does not exist.
    """
    start = system_account().read_json(layout.JOBS, layout.start_blob(run.job), StartInput)
    request = start.request
    if request.scorer != "style-transfer":
        return ModelState(needed="none")
    if request.style in BUILTIN_STYLES and start.style_blob is None:
        return ModelState(needed="ready")
    if models.exists(start):
        return ModelState(needed="ready")
    if request.model is not None:
        raise JobRefused(f"model: {request.model} is not in container {layout.MODELS!r}; name a style instead")
    return ModelState(needed="fit")
