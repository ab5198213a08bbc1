"""Which weights a job is scored with: a built-in style's, or those fitted to an uploaded one, by content address."""

from azure.storage.blob import BlobProperties

from activities.refusal import JobRefused
from activities.settings import settings
from activities.storage import data_account, system_account
from contracts import layout
from contracts.fit import RECIPES
from contracts.job import StartInput
from contracts.model import digest
from contracts.styles import BUILTIN_STYLES, BuiltinStyle
from contracts.task_spec import ModelRef
from contracts.video_index import VideoIndex

# Networks are fitted for a size: strokes that suit 360 lines are lost on 2160. Classes by the shorter side, in pixels.
SIZE_CLASSES = (480, 1080, 2160)


def builtin_style(start: StartInput) -> BuiltinStyle | None:
    """The style that ships, if the job uses one; an uploaded style of the same name goes before it."""
    return BUILTIN_STYLES.get(start.request.style or "") if start.style_blob is None else None


def model_key(start: StartInput) -> str:
    """The address of the weights fitted to the job's uploaded style: `models/<key>.safetensors`."""
    if start.request.model is not None:
        return start.request.model
    index = system_account().read_json(layout.JOBS, layout.index_blob(start.job), VideoIndex)
    scale = start.request.options.style_scale
    return digest(start.style_blob, start.style_etag, recipe(), settings().fit_steps, scale, size_class(index, start))


def recipe() -> str:
    """The name of the recipe that fits uploaded styles."""
    return next(name for features, name in RECIPES.items() if features == settings().fit_features)


def size_class(index: VideoIndex, start: StartInput) -> int:
    """The smallest class that holds the shorter side of the frames as they are scored."""
    shorter = min(index.width, index.height)
    if limit := start.request.options.max_dimension:
        shorter = round(shorter * min(1.0, limit / max(index.width, index.height)))
    return next((size for size in SIZE_CLASSES if shorter <= size), SIZE_CLASSES[-1])


def model_ref(start: StartInput) -> ModelRef | None:
    """The weights as a task spec names them, with a read SAS where they are a blob; None for a scorer without any.

    Raises:
        JobRefused: the weights do not exist (any more).
    """
    request = start.request
    if request.scorer != "style-transfer":
        return None
    if style := builtin_style(start):
        return ModelRef(name=style.name, sha256=style.sha256, builtin=True)
    key = model_key(start)
    found = _find(key)
    if found is None:
        raise JobRefused(f"model {key} is not in container {layout.MODELS!r} any more; submit the job again")
    url = system_account().blob_sas_url(layout.MODELS, layout.model_blob(key), "r", settings().sas_hours)
    return ModelRef(name=request.style or key, sha256=found.metadata["sha256"], url=url)


def exists(start: StartInput) -> bool:
    """Whether the weights fitted to the job's uploaded style are there already."""
    return _find(model_key(start)) is not None


def style_source(start: StartInput) -> tuple[str, str, int]:
    """(read SAS URL, etag, bytes) of the uploaded style image.

    Raises:
        JobRefused: it was deleted or replaced since the job began.
    """
    assert start.style_blob is not None
    properties = data_account().find_properties(layout.STYLES, start.style_blob)
    if properties is None or properties.etag != start.style_etag:
        raise JobRefused(f"style {start.style_blob!r} was deleted or replaced since the job began; submit it again")
    url = data_account().blob_sas_url(layout.STYLES, start.style_blob, "r", settings().sas_hours)
    return url, str(properties.etag), int(properties.size)


def _find(key: str) -> BlobProperties | None:
    return system_account().find_properties(layout.MODELS, layout.model_blob(key))
