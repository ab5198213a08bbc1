"""Where an extractor's pretrained weights come from. The first that is there is used, and its hash recorded:

1. the file that was named (`--weights`);
2. `<extractor>.safetensors` in the folder that ATELIER_FEATURES names;
3. the same in gpu_task/features_weights/, where a node's image carries it;
4. torchvision's own file in torch hub's cache (TORCH_HOME), downloaded into it on a machine with internet.

All hold the same network. 2 and 3 are made by `python -m gpu_task export-features`.
"""

import contextlib
import hashlib
import io
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from urllib.error import URLError

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor
from torchvision.models import WeightsEnum

from gpu_task.failures import HopelessError

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "ATELIER_FEATURES"
SHIPPED = Path(__file__).parent / "features_weights"
TORCH_SUFFIXES = (".pth", ".pt")
PREFIX = "features."  # of the layers' keys in torchvision's files: what follows them is the classifier


class WeightsUnavailableError(HopelessError):
    """An extractor's pretrained weights could not be had."""


@dataclass(frozen=True)
class FoundWeights:
    """float32 tensors by their name within `features`; `sha256` is of the file they were read from."""

    tensors: Mapping[str, Tensor]
    sha256: str
    origin: str


def find(name: str, pretrained: WeightsEnum, wanted: Mapping[str, Tensor], named: Path | None = None) -> FoundWeights:
    """The tensors of extractor `name` that `wanted` has, by name and shape.

    Raises:
        WeightsUnavailableError: none are to be had, or those that are there do not fit.
    """
    found = read_source(name, pretrained, wanted, named or _exported(name))
    log.info("%s weights from %s, sha256 %s", name, found.origin, found.sha256)
    return found


def read_source(
    name: str, pretrained: WeightsEnum, wanted: Mapping[str, Tensor], path: Path | None = None
) -> FoundWeights:
    """As `find`, but from `path` (safetensors, or what torch saved) or, without one, from torchvision's own file."""
    if path is None:
        path = torchvision_file(pretrained)
        state = _torchvision_weights(name, pretrained, path)
    else:
        state = _read(name, path)
    held = {key.removeprefix(PREFIX): value for key, value in state.items()}
    for key, like in wanted.items():
        if key not in held or held[key].shape != like.shape:
            shape = tuple(held[key].shape) if key in held else "missing"
            raise WeightsUnavailableError(
                f"{name}: {path} does not fit: {PREFIX}{key} is {shape}, expected {tuple(like.shape)}. Name a file of "
                f"the whole network, or make it anew with `python -m gpu_task export-features --features {name}`"
            )
    return FoundWeights({key: held[key].float() for key in wanted}, _sha256(path), str(path))


def torchvision_file(pretrained: WeightsEnum) -> Path:
    """Where torchvision keeps these weights, once it has them."""
    return Path(torch.hub.get_dir()) / "checkpoints" / pretrained.url.rpartition("/")[2]


def _torchvision_weights(name: str, pretrained: WeightsEnum, path: Path) -> Mapping[str, Tensor]:
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            # torchvision's file is a pickle, and its hash is checked only when it is downloaded: tensors, nothing else.
            return dict(pretrained.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except (URLError, OSError, RuntimeError, UnpicklingError) as error:
        raise WeightsUnavailableError(
            f"{name}: no usable weights: {path} is not there or damaged, and {pretrained.url} could not be fetched "
            f"({error}). Put that file there; or run `python -m gpu_task export-features --features {name} --out "
            f"FOLDER` where it can be fetched, and name the folder in {FOLDER_VARIABLE}; or fit without pretrained "
            "weights: FIT_FEATURES=patches in the app's settings, --features patches by hand"
        ) from error


def _exported(name: str) -> Path | None:
    """The compact file, if there is one.

    Raises:
        WeightsUnavailableError: the variable names no folder; a setting that is wrong is told, not passed over.
    """
    folders = [SHIPPED]
    if named := os.environ.get(FOLDER_VARIABLE):
        if not Path(named).is_dir():
            raise WeightsUnavailableError(
                f"{name}: {FOLDER_VARIABLE}={named} is no folder; name the one that `python -m gpu_task "
                "export-features --out` wrote to, or none"
            )
        folders.insert(0, Path(named))
    paths = [folder / f"{name}.safetensors" for folder in folders]
    return next((path for path in paths if path.is_file()), None)


def _read(name: str, path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix in TORCH_SUFFIXES:
            return torch.load(path, map_location="cpu", weights_only=True)
        return load(path.read_bytes())
    except (OSError, RuntimeError, UnpicklingError, SafetensorError) as error:
        raise WeightsUnavailableError(f"{name}: {path} cannot be read as weights ({error})") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
