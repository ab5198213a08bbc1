"""A style objective without pretrained weights: the style's patches themselves.

Half sliced Wasserstein distance between filter responses (Rabin et al., 2011), half distance to the nearest style patch
(as in Li and Wand, 2016), both on a pyramid; content is the frame at low resolution in the style's colours. Palette and
strokes come out well; motifs larger than some 30 pixels do not.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from gpu_task.color_transfer import ColorTable
from gpu_task.losses import Parts
from gpu_task.pyramid import pyramid

LEVELS = 3
SIDE = 7  # of a patch, pixels
STRIDES = (2, 1, 1)  # between compared patches, by level: full resolution has four times as many as needed
NEAREST_STRIDES = (4, 2, 1)
FILTER_SETS, FILTERS = 16, 32  # one set of random filters is drawn per step
WHITENING = 0.3  # 0: filters see what varies most; 1: all directions equally, noise too
STYLE_PATCHES = 2048
QUANTILE_PATCHES = 8192
CONTENT_WEIGHTS = {2: 0.6, 3: 1.0}  # pyramid level: a quarter and an eighth of the resolution


class PatchObjective:
    """See the module. `style` is [1, 3, H, W] in [0, 1], `frames` the training frames, for their colours."""

    def __init__(self, style: Tensor, frames: Sequence[Tensor], seed: int) -> None:
        self._random = torch.Generator().manual_seed(seed)
        self._colors = ColorTable.fit(frames, style, self._random)
        self._levels = [
            _StyleLevel(image, STRIDES[level], NEAREST_STRIDES[level], self._random)
            for level, image in enumerate(pyramid(style, LEVELS))
        ]

    def __call__(self, output: Tensor, source: Tensor) -> Parts:
        images = pyramid(output, LEVELS)
        style = torch.stack([level.distance(image) for level, image in zip(self._levels, images, strict=True)]).mean()
        with torch.no_grad():
            wanted = pyramid(self._colors.apply(source), max(CONTENT_WEIGHTS) + 1)
        found = pyramid(output, max(CONTENT_WEIGHTS) + 1)
        content = torch.stack([w * (found[level] - wanted[level]).abs().mean() for level, w in CONTENT_WEIGHTS.items()])
        return Parts(style, content.sum())


class _StyleLevel:
    """The style at one resolution: its patches, and what random filters say of them."""

    def __init__(self, style: Tensor, stride: int, nearest_stride: int, random: torch.Generator) -> None:
        self._stride, self._nearest_stride, self._random = stride, nearest_stride, random
        patches = functional.unfold(style, SIDE)[0].T  # [P, 3 * 49]
        filters = _random_filters(patches, random)  # [sets * filters, 3 * 49]
        sample = patches[torch.randint(len(patches), (QUANTILE_PATCHES,), generator=random)]
        self._quantiles = (filters @ sample.T).sort(-1).values.view(FILTER_SETS, FILTERS, -1)
        self._filters = filters.view(FILTER_SETS, FILTERS, 3, SIDE, SIDE)
        self._patches = patches[torch.randint(len(patches), (STYLE_PATCHES,), generator=random)]

    def distance(self, image: Tensor) -> Tensor:
        return 0.5 * self._sliced_wasserstein(image) + 0.5 * self._nearest(image)

    def _sliced_wasserstein(self, image: Tensor) -> Tensor:
        """Mean distance between the sorted responses of image and style to the same random filters."""
        chosen = int(torch.randint(FILTER_SETS, (), generator=self._random))
        image = self._jitter(image, self._stride)
        responses = functional.conv2d(image, self._filters[chosen], stride=self._stride)  # [B, filters, h, w]
        responses = responses.transpose(0, 1).flatten(1).sort(-1).values  # [filters, B*h*w]
        wanted = functional.interpolate(
            self._quantiles[chosen][None], size=responses.shape[-1], mode="linear", align_corners=True
        )[0]
        return (responses - wanted).abs().mean()

    def _nearest(self, image: Tensor) -> Tensor:
        """Mean distance of the image's patches to the style patches most like them."""
        image = self._jitter(image, self._nearest_stride)
        patches = (
            functional.unfold(image, SIDE, stride=self._nearest_stride).transpose(1, 2).flatten(0, 1)
        )  # [N, 3 * 49]
        with torch.no_grad():
            squared = torch.cdist(patches, self._patches).square() / patches.shape[1]  # [B * n, style patches]
            # Divided by how well each style patch is matched already, so that none is left out (Granot et al., 2022).
            nearest = (squared / (squared.min(0).values + 0.02)).argmin(1)
        return (patches - self._patches[nearest]).abs().mean()

    def _jitter(self, image: Tensor, stride: int) -> Tensor:
        """Starts anywhere within a stride, so that no grid is favoured."""
        top, left = torch.randint(stride, (2,), generator=self._random).tolist()
        return image[..., top:, left:]


def _random_filters(patches: Tensor, random: torch.Generator) -> Tensor:
    """Zero-mean filters, partly whitened, scaled to an average response of 1: [sets * filters, 3 * 49]."""
    centered = patches - patches.mean(0)
    # A hundredth of full scale in every direction: a style of one colour has no variance to divide by.
    covariance = centered.T @ centered / len(centered) + 1e-4 * torch.eye(patches.shape[1], device=patches.device)
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp_min(1e-4 * values.max())
    whitening = (vectors * values ** (-WHITENING / 2)) @ vectors.T
    noise = torch.randn(FILTER_SETS * FILTERS, patches.shape[1], generator=random).to(patches.device)
    filters = (noise @ whitening).view(-1, 3, SIDE * SIDE)
    filters = (filters - filters.mean(2, keepdim=True)).flatten(1)
    spread = (filters @ covariance * filters).sum(1).clamp_min(1e-12).sqrt()
    return filters / spread.mean()
