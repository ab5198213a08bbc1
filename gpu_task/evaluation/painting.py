"""Scores a clip as tasks do, whole or in chunks: each chunk decodes its own frames and makes its own batches."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched, pairwise
from typing import cast

import numpy as np
from numpy.typing import NDArray

from contracts.steadying import FRAMES_BEFORE
from gpu_task.careful_scoring import CarefulScoring
from gpu_task.chunk_frames import ChunkFrame
from gpu_task.evaluation.clips import Clip
from gpu_task.scorers.protocol import Scorer
from gpu_task.steadying import Steadying


@dataclass(frozen=True)
class Painting:
    """Every frame of a clip, RGB [H, W, 3], and the milliseconds that one took to score and to steady (median of
    the batches)."""

    frames: list[NDArray[np.uint8]]
    ms_per_frame: float


def paint(scorer: Scorer, clip: Clip, cuts: Sequence[int] = (), steadiness: float = 0.0) -> Painting:
    """`scorer` is prepared for the clip's size. `cuts` are the frames, counted from the clip's first, at which a new
    chunk begins; none: one chunk. With `steadiness` a chunk warms up with the frames before it, as a task's does."""
    frames: list[NDArray[np.uint8]] = []
    seconds: list[float] = []
    for begin, end in pairwise([0, *cuts, clip.count]):
        first, last = clip.first + begin, clip.first + end - 1
        warm_up = min(FRAMES_BEFORE, first - clip.index.first_frame) if steadiness else 0
        source = clip.frames if not cuts and not warm_up else clip.read(first - warm_up, last)
        chunk = [ChunkFrame(number, "scored", rgb) for number, rgb in enumerate(source, first - warm_up)]
        careful, coming, painted = CarefulScoring(scorer), iter(chunk), list[NDArray[np.uint8]]()
        with Steadying(steadiness) as steadying:
            for batch in batched(coming, scorer.batch_size, strict=False):
                start = time.perf_counter()
                scored = careful.score(batch, coming)
                painted += _steadied(steadying, batch, scored) if steadiness else scored
                seconds.append((time.perf_counter() - start) / len(batch))
        frames += painted[warm_up:]
    return Painting(frames, 1000 * float(np.median(seconds)))


def _steadied(
    steadying: Steadying, batch: Sequence[ChunkFrame], painted: Sequence[NDArray[np.uint8]]
) -> list[NDArray[np.uint8]]:
    pairs = zip(batch, painted, strict=True)
    coming = [steadying.add(frame.number, cast(NDArray[np.uint8], frame.rgb), result) for frame, result in pairs]
    return [future.result() for future in coming]


def seam_cuts(count: int, batch_size: int) -> list[int]:
    """Three chunks of unequal length, whose batches begin elsewhere than those of the whole clip."""
    wanted = {max(1, count // 3), max(1, 2 * count // 3 + 1)}
    cuts = {cut + 1 if batch_size > 1 and cut % batch_size == 0 else cut for cut in wanted}
    return sorted(cut for cut in cuts if cut < count)


def seam_difference(scorer: Scorer, clip: Clip, whole: Painting, steadiness: float = 0.0) -> int:
    """Largest difference of a pixel, 0 to 255, between the clip scored `whole` and scored in chunks."""
    parts = paint(scorer, clip, seam_cuts(clip.count, scorer.batch_size), steadiness)
    return max(largest_difference(a, b) for a, b in zip(whole.frames, parts.frames, strict=True))


def largest_difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    return int(np.abs(a.astype(np.int16) - b).max())
