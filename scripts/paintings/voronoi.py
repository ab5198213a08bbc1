"""Cells around seeds, each measured along an axis of its own: square for tesserae, oval for panes of glass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.paintings.canvas import Field, Shape

REACH = 2.2  # a cell ends at this many times its size from its seed


@dataclass(frozen=True)
class Seeds:
    """`at` [n, 2] as (row, column), `angle` [n] of their axes in radians.

    With `stretch` cells are ovals so many times as long as wide, else squares. With `form` [n] a seed's cell stays
    within the pixels of that form.
    """

    at: Field
    angle: Field
    stretch: float | None = None
    form: NDArray[np.intp] | None = None


def cells(
    seeds: Seeds, shape: Shape, size: float, forms: NDArray[np.intp] | None = None
) -> tuple[NDArray[np.intp], Field, Field]:
    """Of each pixel: the seed it belongs to (-1: none is near), and the distances to it and to the next one."""
    reach = int(size * REACH)
    owner = np.full(shape, -1, np.intp)
    nearest, second = np.full(shape, 1e3), np.full(shape, 1e3)
    for index, ((row, column), cosine, sine) in enumerate(
        zip(seeds.at, np.cos(seeds.angle), np.sin(seeds.angle), strict=True)
    ):
        top, left = max(0, int(row) - reach), max(0, int(column) - reach)
        window = np.s_[top : int(row) + reach + 1, left : int(column) + reach + 1]
        down = np.arange(top, min(shape[0], int(row) + reach + 1))[:, None] + 0.5 - row
        right = np.arange(left, min(shape[1], int(column) + reach + 1))[None] + 0.5 - column
        along, across = right * cosine + down * sine, down * cosine - right * sine
        if seeds.stretch is None:
            distance = np.maximum(np.abs(along), np.abs(across))
        else:
            distance = np.hypot(along / seeds.stretch, across)
        if forms is not None and seeds.form is not None:
            distance = np.where(forms[window] == seeds.form[index], distance, 1e3)
        first = nearest[window]
        closer = distance < first
        second[window] = np.where(closer, first, np.minimum(second[window], distance))
        nearest[window] = np.where(closer, distance, first)
        owner[window][closer] = index
    return owner, nearest, second


def sample[T: np.generic](field: NDArray[T], at: Field) -> NDArray[T]:
    """Values of a field [H, W] at points [n, 2] given as (row, column)."""
    rows, columns = (np.clip(at[:, axis].astype(int), 0, field.shape[axis] - 1) for axis in (0, 1))
    return field[rows, columns]
