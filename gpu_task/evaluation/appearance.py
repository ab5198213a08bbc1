"""How much of the style and of the source is in a picture, as a pretrained network sees it.

Of a frame, with F the activations of a layer, [C, h * w], and G = F F' / (h * w) its Gram matrix:

    style loss   = mean over style layers of |G(output) - G(style)|^2 / |G(style)|^2
    content loss = |F(output) - F(source)|^2 / |F(source)|^2 at the content layer

Both are 0 at best; a plain grey picture has a style loss near 1. What a recipe adds to them while it fits (palette,
tones) is not counted in them: this is the objective of Gatys et al. (2016) and Johnson et al. (2016) alone. Beside them
are told what it has no eye for, colours (features trained to name objects care little for them) and strokes longer than
the extractor sees:

    palette distance = sliced Wasserstein distance between the colours of output and style, 0 to 1
    style at sizes   = style loss at full, half and quarter size of both images, weighted by SIZES
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_task.evaluation.extractors import Extractor
from gpu_task.losses import Palette, gram, relative_error
from gpu_task.pyramid import pyramid
from gpu_task.training import to_tensor

# Weights of the full, half and quarter size. Fixed, as the extractors' layers are.
SIZES = (1.0, 0.3, 0.3)
SMALLEST = 16  # pixels: of a smaller image an extractor has nothing left in its last layer; that size is left out


@dataclass(frozen=True)
class Losses:
    style: float
    content: float
    palette: float
    style_at_sizes: float


class Appearance:
    """Judges pictures by one `style` image, RGB [H, W, 3], at the size that strokes are to have."""

    def __init__(self, extractor: Extractor, style: NDArray[np.uint8]) -> None:
        self._extractor = extractor
        self._palette = Palette(to_tensor(style))
        with torch.inference_mode():
            found = [extractor.activations(image) for image in pyramid(to_tensor(style), len(SIZES))]
            self._wanted = [{layer: gram(of[layer]) for layer in extractor.style_layers} for of in found]

    def losses(self, outputs: Sequence[NDArray[np.uint8]], sources: Sequence[NDArray[np.uint8]]) -> Losses:
        """The mean over some frames of the same size."""
        each = [
            self._one(to_tensor(output), to_tensor(source)) for output, source in zip(outputs, sources, strict=True)
        ]
        return Losses(*map(float, np.mean(each, axis=0)))

    @torch.inference_mode()
    def _one(self, output: Tensor, source: Tensor) -> tuple[float, float, float, float]:
        layer = self._extractor.content_layer
        images = pyramid(output, len(SIZES))
        kept = [images[0], *(image for image in images[1:] if min(image.shape[-2:]) >= SMALLEST)]
        found = [self._extractor.activations(image) for image in kept]
        styles = [
            float(np.mean([relative_error(gram(of[at]), target).item() for at, target in wanted.items()]))
            for of, wanted in zip(found, self._wanted[: len(found)], strict=True)
        ]
        content = relative_error(found[0][layer], self._extractor.activations(source)[layer]).item()
        return (
            styles[0],
            content,
            self._palette.distance(output).item(),
            float(np.average(styles, weights=SIZES[: len(styles)])),
        )
