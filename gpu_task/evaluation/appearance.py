"""How much of the style and of the source is in a picture, as a pretrained network sees it.

Of a frame, with F the activations of a layer, [C, h * w], and G = F F' / (h * w) its Gram matrix:

    style loss   = mean over style layers of |G(output) - G(style)|^2 / |G(style)|^2
    content loss = |F(output) - F(source)|^2 / |F(source)|^2 at the content layer

Both are 0 at best; a plain grey picture has a style loss near 1. What a recipe adds to them while it fits (palette,
tones) is not counted in them: this is the objective of Gatys et al. (2016) and Johnson et al. (2016) alone. The palette
is told beside them, since features trained to name objects care little for colour:

    palette distance = sliced Wasserstein distance between the colours of output and style, 0 to 1
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_task.evaluation.extractors import Extractor
from gpu_task.losses import Palette, gram, relative_error
from gpu_task.training import to_tensor


@dataclass(frozen=True)
class Losses:
    style: float
    content: float
    palette: float


class Appearance:
    """Judges pictures by one `style` image, RGB [H, W, 3], at the size that strokes are to have."""

    def __init__(self, extractor: Extractor, style: NDArray[np.uint8]) -> None:
        self._extractor = extractor
        self._palette = Palette(to_tensor(style))
        with torch.inference_mode():
            found = extractor.activations(to_tensor(style))
            self._wanted = {layer: gram(found[layer]) for layer in extractor.style_layers}

    def losses(self, outputs: Sequence[NDArray[np.uint8]], sources: Sequence[NDArray[np.uint8]]) -> Losses:
        """The mean over some frames of the same size."""
        each = [
            self._one(to_tensor(output), to_tensor(source)) for output, source in zip(outputs, sources, strict=True)
        ]
        return Losses(*map(float, np.mean(each, axis=0)))

    @torch.inference_mode()
    def _one(self, output: Tensor, source: Tensor) -> tuple[float, float, float]:
        layer = self._extractor.content_layer
        found, wanted = self._extractor.activations(output), self._extractor.activations(source)[layer]
        style = [relative_error(gram(found[layer]), target).item() for layer, target in self._wanted.items()]
        content = relative_error(found[layer], wanted).item()
        return float(np.mean(style)), content, self._palette.distance(output).item()
