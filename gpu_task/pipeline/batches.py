"""Frames gathered into the batches that a scorer is given."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import batched

import numpy as np
from numpy.typing import NDArray

from gpu_task.chunk_frames import ChunkFrame


@dataclass(frozen=True)
class Batch:
    """`frames` that follow each other, and those of them that are `to_score`, whose pixels are `pixels`, uint8
    [len(to_score), H, W, 3]; None if there are none.

    A batch without `frames` holds a stand-in: scored to be shown in place of the next frames, which are held.
    """

    frames: tuple[ChunkFrame, ...]
    to_score: tuple[ChunkFrame, ...]
    pixels: NDArray[np.uint8] | None

    @property
    def is_stand_in(self) -> bool:
        return not self.frames


def gathered(frames: Iterable[ChunkFrame], batch_size: int) -> Iterator[Batch]:
    """`frames` in batches of `batch_size`, the last one smaller. A stand-in comes in a batch of its own before them."""
    for several in batched(frames, batch_size, strict=False):
        for frame in several:
            if frame.stand_in is not None:
                yield Batch((), *_stacked((frame.stand_in,)))
        to_score, pixels = _stacked(tuple(frame for frame in several if frame.fate == "scored"))
        scored = iter(to_score)
        yield Batch(tuple(next(scored) if frame.fate == "scored" else frame for frame in several), to_score, pixels)


def _stacked(frames: tuple[ChunkFrame, ...]) -> tuple[tuple[ChunkFrame, ...], NDArray[np.uint8] | None]:
    """The frames with their pixels side by side in one array, of which each has its part: they are kept once."""
    arrays = [frame.rgb for frame in frames if frame.rgb is not None]
    if not arrays:
        return frames, None
    pixels = arrays[0][None] if len(arrays) == 1 else np.stack(arrays)
    return tuple(replace(frame, rgb=pixels[place]) for place, frame in enumerate(frames)), pixels
