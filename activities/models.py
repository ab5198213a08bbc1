"""Which weights a job is scored with: a built-in style's, or those fitted to an uploaded one, by content address."""

from azure.storage.blob import BlobProperties

from activities import model_choice
from activities.refusal import JobRefused
from activities.settings import settings
from activities.storage import data_account, system_account
from contracts import layout
from contracts.job import StartInput
from contracts.styles import BUILTIN_STYLES, BuiltinStyle
from contracts.task_spec import ModelRef


def builtin_style(start: StartInput) -> BuiltinStyle | None:
    """The style that ships, if the job uses one; an uploaded style of the same name goes before it."""
    return BUILTIN_STYLES.get(start.request.style or "") if start.style_blob is None else None


def needs_fitted(start: StartInput) -> bool:
    """Whether the job is scored with a network fitted to its uploaded style."""
    return start.request.scorer == "style-transfer" and start.request.model is None and not builtin_style(start)


def model_key(start: StartInput) -> str | None:
    """The address of the fitted network that the job is scored with, `models/<key>.safetensors`; None without one."""
    return model_choice.pinned(start).key if needs_fitted(start) else start.request.model


def model_ref(start: StartInput) -> ModelRef | None:
    """The weights as a task spec names them, with a read SAS where they are a blob; None for a scorer without any.

    Raises:
        JobRefused: the weights do not exist (any more).
    """
    if start.request.scorer == "style-transfer" and (style := builtin_style(start)):
        return ModelRef(name=style.name, sha256=style.sha256, builtin=True)
    key = model_key(start)
    if key is None:
        return None
    found = find_weights(key)
    if found is None:
        raise JobRefused(f"model {key} is not in container {layout.MODELS!r} any more; submit the job again")
    url = system_account().blob_sas_url(layout.MODELS, layout.model_blob(key), "r", settings().sas_hours)
    return ModelRef(name=start.request.style or key, sha256=found.metadata["sha256"], url=url)


def find_weights(key: str) -> BlobProperties | None:
    """The properties of the weights, or None where they do not exist."""
    return system_account().find_properties(layout.MODELS, layout.model_blob(key))


def style_source(start: StartInput) -> tuple[str, str, int]:
    """(read SAS URL, etag, bytes) of the uploaded style image.

    Raises:
        JobRefused: it was deleted or replaced since the job began.
    """
    assert start.style_blob is not None
    properties = data_account().find_properties(layout.STYLES, start.style_blob)
    if properties is None or properties.etag != start.style_etag:
        raise model_choice.style_changed(start.style_blob)
    url = data_account().blob_sas_url(layout.STYLES, start.style_blob, "r", settings().sas_hours)
    return url, str(properties.etag), int(properties.size)
