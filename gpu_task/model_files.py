"""A scorer's weights: found, checked against their hash, and read as safetensors, never as pickles.

Errors:
    ModelError
        UnknownStyleError       no built-in style of that name
        ModelGoneError          no blob where the job says that they are
        ModelHashError          the bytes are not those that the job asked for
        ModelFormatError        not a safetensors file of this network
"""

import hashlib
from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import ModelRef
from gpu_task import blobs
from gpu_task.failures import HopelessError

STYLES = Path(__file__).parent / "styles"
# The network has 0.6 MB of weights as fp16; this leaves room for larger ones and stops a wrong blob early.
MAX_MODEL_BYTES = 64 * 1024 * 1024


class ModelError(HopelessError):
    """Base of what goes wrong with weights."""


class UnknownStyleError(ModelError):
    pass


class ModelGoneError(ModelError):
    pass


class ModelHashError(ModelError):
    pass


class ModelFormatError(ModelError):
    pass


def read_model(ref: ModelRef) -> dict[str, Tensor]:
    """The tensors of `ref`, by name.

    Raises:
        ModelError: see the module.
        BlobTooLargeError: the blob is larger than any model of ours.
        azure.core.exceptions.AzureError: the blob cannot be read.
    """
    data = _builtin(ref.name) if ref.builtin else _download(ref)
    wanted = ref.sha256 or (BUILTIN_STYLES[ref.name].sha256 if ref.builtin else None)
    if wanted is None:
        raise ModelHashError(
            f"model {ref.name!r}: sha256 is not given, and weights from a URL are never used unchecked"
        )
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        raise ModelHashError(f"model {ref.name!r}: sha256 is {found}, expected {wanted}")
    try:
        return load(data)
    except SafetensorError as error:
        raise ModelFormatError(f"model {ref.name!r}: not a safetensors file ({error})") from error


def style_path(name: str) -> Path:
    return STYLES / f"{name}.safetensors"


def _builtin(name: str) -> bytes:
    if name not in BUILTIN_STYLES:
        raise UnknownStyleError(f"style {name!r} is not built in; there are: {', '.join(BUILTIN_STYLES)}")
    return style_path(name).read_bytes()


def _download(ref: ModelRef) -> bytes:
    if not ref.url:
        raise ModelFormatError(f"model {ref.name!r}: neither builtin nor url is given")
    try:
        return blobs.download(ref.url, MAX_MODEL_BYTES)
    except ResourceNotFoundError as error:
        raise ModelGoneError(f"model {ref.name!r}: {blobs.label(ref.url)} is not there; fit the style again") from error
