"""What a style network is fitted to: the style's statistics, the frame's content, and calm from frame to frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from gpu_task.color import LUMA
from gpu_task.features import Features
from gpu_task.precision import fit_autocast
from gpu_task.pyramid import pyramid


@dataclass(frozen=True)
class Parts:
    """Two scalars to be weighed against each other: `style` and `content`."""

    style: Tensor
    content: Tensor


class Objective(Protocol):
    """Says how far an output is from the style and from its source's content; both [B, 3, H, W] in [0, 1]."""

    def __call__(self, output: Tensor, source: Tensor) -> Parts: ...


class PerceptualObjective:
    """Gram matrices of a pretrained network for style (Gatys et al., 2016), its activations for content.

    The style's colours are asked for by themselves as well (`palette` weighs them against the Gram matrices): features
    trained to name objects care little for colour, and rare ones, such as the yellow of stars, come very late.

    Gram matrices are compared at several sizes of both images, each half of the one before and weighted by `scales`:
    the extractor sees some 130 pixels at once, and it takes the smaller sizes to ask for strokes and motifs that are
    longer than that. Three sizes take an extractor a third more time than one.
    """

    def __init__(
        self,
        features: Features,
        style: Tensor,
        style_layers: Sequence[int],
        content_layer: int,
        palette: float,
        scales: Sequence[float] = (1.0,),
    ) -> None:
        self.features = features
        self.content_layer = content_layer
        self.palette_weight = palette
        self.palette = Palette(style)
        self.scales = [scale / sum(scales) for scale in scales]
        with torch.no_grad():
            found = [self._activations(image) for image in pyramid(style, len(scales))]
        self.targets = [{layer: gram(of[layer]) for layer in style_layers} for of in found]  # {layer: [1, C, C]}

    def __call__(self, output: Tensor, source: Tensor) -> Parts:
        with torch.no_grad():
            wanted = self._activations(source, self.content_layer)[self.content_layer]
        found = [self._activations(image) for image in pyramid(output, len(self.targets))]
        mismatches = [
            torch.stack([relative_error(gram(of[layer]), target) for layer, target in targets.items()]).mean() * scale
            for of, targets, scale in zip(found, self.targets, self.scales, strict=True)
        ]
        style = torch.stack(mismatches).sum() + self.palette_weight * self.palette.distance(output)
        content = relative_error(found[0][self.content_layer].float(), wanted.float())
        return Parts(style, content + tone_mismatch(output, source))

    def _activations(self, image: Tensor, last: int | None = None) -> dict[int, Tensor]:
        with fit_autocast(image.device):
            return self.features(image, last)


class Palette:
    """How an image's colours are distributed, at a quarter of its resolution: strokes, not grain."""

    SCALE = 4
    DIRECTIONS = 16

    def __init__(self, style: Tensor) -> None:
        random = torch.Generator().manual_seed(0)
        directions = torch.randn(self.DIRECTIONS, 3, generator=random)
        self.directions = functional.normalize(directions, dim=1).to(style.device)  # [16, 3]
        self.wanted = self._sorted(style)  # [16, P]

    def distance(self, image: Tensor) -> Tensor:
        """Sliced Wasserstein distance between the colours of `image` and the style's: 0 if equal, 1 at most."""
        found = self._sorted(image)
        wanted = functional.interpolate(self.wanted[None], size=found.shape[-1], mode="linear", align_corners=True)[0]
        return (found - wanted).abs().mean()

    def _sorted(self, image: Tensor) -> Tensor:
        """Colours along each direction, in order: [B, 3, H, W] -> [16, B * H * W / 16]."""
        colors = functional.avg_pool2d(image, self.SCALE).transpose(0, 1).flatten(1)  # [3, P]
        return (self.directions @ colors).sort(dim=1).values


def gram(features: Tensor) -> Tensor:
    """Correlations of channels over all positions: [B, C, H, W] -> [B, C, C] in float32.

    The products are taken in the precision of `features` and summed in float32. In bfloat16 an entry is rounded by
    0.2 % at the end, which is 3e-6 of a relative error.
    """
    flat = features.flatten(2)  # [B, C, H*W]
    return _Correlations.apply(flat) / flat.shape[-1]  # type: ignore[no-any-return]


class _Correlations(torch.autograd.Function):
    """F F', [B, C, N] -> [B, C, C]. As it is symmetric, its gradient takes one product, not the two that autograd would
    make of it: with bfloat16, a fit's step takes a third less time."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor) -> Tensor:
        ctx.save_for_backward(flat)
        return (flat @ flat.transpose(1, 2)).float()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        (gradient,) = gradients  # [B, C, C]
        return (gradient + gradient.transpose(1, 2)).to(flat.dtype) @ flat


def relative_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared distance in units of the wanted's mean square, so that every layer counts the same whatever its
    scale; the wanted's batch may be 1."""
    return (found - wanted).square().mean() / wanted.square().mean()


def tone_mismatch(output: Tensor, source: Tensor) -> Tensor:
    """0 where light and dark lie as in the source, 1 if unrelated, 2 if inverted, at an eighth of the resolution.

    Features of objects do not mind a negative: without this a face may well come out as one.
    """
    found, wanted = (_tones(image) for image in (output, source))  # [B, h * w]
    return 1 - functional.cosine_similarity(found, wanted, dim=1, eps=1e-3).mean()


def _tones(image: Tensor) -> Tensor:
    luma = (image * image.new_tensor(LUMA).view(3, 1, 1)).sum(dim=1, keepdim=True)
    tones = functional.avg_pool2d(luma, 8).flatten(1)
    return tones - tones.mean(dim=1, keepdim=True)


def total_variation(x: Tensor) -> Tensor:
    """Mean absolute step between neighbouring pixels."""
    return (x[..., 1:] - x[..., :-1]).abs().mean() + (x[..., 1:, :] - x[..., :-1, :]).abs().mean()


def inconsistency(output: Tensor, moved: Tensor, shift: tuple[int, int], margin: int = 8) -> Tensor:
    """How far the output of a shifted frame is from the shifted output: what one sees as flicker.

    `moved` is the network's output for the frame shifted by `shift` (rows, columns); a margin is left out because its
    surroundings differ. In units of the output's own contrast, or else fading to grey would be the cheapest remedy.
    """
    rows, columns = shift
    height, width = output.shape[-2] - rows, output.shape[-1] - columns
    difference = (output[..., rows:, columns:] - moved[..., :height, :width]).abs()
    return difference[..., margin:-margin, margin:-margin].mean() / output.std().clamp_min(0.02)
