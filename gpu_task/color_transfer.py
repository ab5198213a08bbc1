"""Frames in a style's colours: a lookup table found by sliced optimal transport (Pitié et al., 2007).

Used while fitting only, as the target for content; scoring needs no table.
"""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from gpu_task.color import LUMA

SAMPLES = 4096
ROUNDS = 24
GRID = 17  # points a side; colours between them are interpolated
KERNEL = 0.05  # width of the smoothing between samples, of the colour cube's side


class ColorTable:
    """Maps RGB to RGB; `table` is [17, 17, 17, 3] over (r, g, b) in [0, 1]."""

    def __init__(self, table: Tensor) -> None:
        self._table = table

    @classmethod
    def fit(cls, frames: Sequence[Tensor], style: Tensor, random: torch.Generator) -> Self:
        """From colours drawn from `frames` and `style` (each [1, 3, H, W])."""
        seen = torch.cat([frame[0].flatten(1).T for frame in frames])  # [P, 3]
        before = seen[torch.randint(len(seen), (SAMPLES,), generator=random)]
        wanted = style[0].flatten(1).T
        wanted = wanted[torch.randint(len(wanted), (SAMPLES,), generator=random)]
        after = before
        for round_ in range(ROUNDS):
            axes = torch.randn(3, 3, generator=random)
            if round_ == 0:
                axes[:, 0] = torch.tensor(LUMA)  # first by brightness: dark stays dark, light stays light
            after = _match(after, wanted, torch.linalg.qr(axes).Q.to(after.device), whole=round_ == 0)
        line = torch.linspace(0, 1, GRID, device=after.device)
        grid = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
        squared = torch.cdist(grid, before).square()  # [17^3, samples]
        weights = torch.softmax(-squared / (2 * KERNEL**2), dim=1)
        return cls((weights @ after).view(GRID, GRID, GRID, 3).clamp(0, 1))

    def apply(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, 3, H, W]"""
        batch, _, height, width = image.shape
        # grid_sample wants coordinates last dimension first: b, g, r in [-1, 1].
        where = image.permute(0, 2, 3, 1).flip(-1).view(batch, 1, height, width, 3) * 2 - 1
        table = self._table.permute(3, 0, 1, 2)[None].expand(batch, -1, -1, -1, -1)
        return functional.grid_sample(table, where, align_corners=True, padding_mode="border")[:, :, 0]


def _match(colors: Tensor, wanted: Tensor, axes: Tensor, *, whole: bool) -> Tensor:
    """Moves `colors` towards `wanted` along each axis, by sorted order: all the way on the first if `whole`."""
    found, target = colors @ axes, wanted @ axes
    for axis in range(3):
        order = found[:, axis].argsort()
        step = 1.0 if whole and axis == 0 else 0.5
        found[order, axis] += step * (target[:, axis].sort().values - found[order, axis])
    return found @ axes.T
