"""The pretrained networks that appearance is measured with, and where in them. Fixed: figures are to be compared over
years, so they do not follow a recipe that changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from gpu_task.devices import best_device
from gpu_task.evaluation import EvaluationError
from gpu_task.features import PRETRAINED, Features


class NotAnExtractorError(EvaluationError):
    """Features that have no layers to measure with."""


@dataclass(frozen=True)
class Extractor:
    """`activations`: RGB in [0, 1], [B, 3, H, W] on any device -> {layer: [B, C, h, w]}. `sha256` is of the file that
    its weights came from."""

    name: str
    sha256: str
    style_layers: tuple[int, ...]
    content_layer: int
    activations: Callable[[Tensor], Mapping[int, Tensor]]


# Style from grain to motif, content where objects are but colours are not. VGG19's are relu1_1 to relu5_1 and relu4_2,
# as in Gatys et al. (2016).
LAYERS: dict[str, tuple[tuple[int, ...], int]] = {
    "squeezenet": ((1, 3, 4, 5, 7, 8, 9, 10), 4),
    "vgg19": ((1, 6, 11, 20, 29), 22),
}


def open_extractor(name: str, weights: Path | None = None) -> Extractor:
    """`weights`: a safetensors file, or a folder with `<name>.safetensors`; None: see gpu_task/features_files.py.

    Raises:
        NotAnExtractorError
        gpu_task.features_files.WeightsUnavailableError
    """
    if name not in LAYERS:
        raise NotAnExtractorError(f"features: {name!r} cannot be measured with; there are: {', '.join(LAYERS)}")
    style, content = LAYERS[name]
    device = best_device()
    network = Features(PRETRAINED[name], (*style, content), weights_file(name, weights)).to(device)
    return Extractor(name, network.sha256, style, content, lambda x: network(x.to(device)))


def weights_file(name: str, weights: Path | None) -> Path | None:
    """The extractor's file in `weights`, if that is a folder."""
    return weights / f"{name}.safetensors" if weights and weights.is_dir() else weights
