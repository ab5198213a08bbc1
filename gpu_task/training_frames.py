"""What a style is fitted on: frames of the source, a few from everywhere, small enough to hold in memory."""

import logging
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from contracts.fit import SMALLEST_CLASS
from contracts.video_index import VideoIndex
from media.errors import FramesMissing
from media.frames import output_size, to_rgb
from media.reader import read_frames
from media.source import Source

log = logging.getLogger(__name__)

# Ten frames of one clip sufficed in trials; a longer film changes its scene more often.
FRAMES = 24
# For frames of up to 480 lines; larger ones are seen at the same share of their size. Crops are a few hundred pixels a
# side and zoomed at random, so more than this only costs memory.
LONGER_SIDE = 640
# 24 frames of this size take 600 MB as float32.
MAX_LONGER_SIDE = 1920


def longer_side(size_class: int) -> int:
    """Of the frames that a network for frames of `size_class` lines is fitted on, pixels."""
    return min(MAX_LONGER_SIDE, LONGER_SIDE * size_class // SMALLEST_CLASS)


def sample_frames(source: Source, index: VideoIndex, longer_side: int = LONGER_SIDE) -> list[NDArray[np.uint8]]:
    """Up to 24 frames, evenly spaced over `index`, as RGB [H, W, 3]; fewer where some cannot be decoded.

    Raises:
        media.errors.FramesMissing: none of them can.
    """
    size = output_size(index, longer_side)
    found: list[NDArray[np.uint8]] = []
    problem: FramesMissing | None = None
    for number in spread(index):
        try:
            found.extend(to_rgb(frame, size) for frame in read_frames(source, index, number, number))
        except FramesMissing as error:
            log.warning("left out of the fit: %s", error)
            problem = error
    if problem and not found:
        raise problem
    return found


def spread(index: VideoIndex, count: int = FRAMES) -> Iterable[int]:
    """Numbers of at most `count` different frames, each in the middle of an equal part of the video."""
    parts = min(count, index.frame_count)
    return [index.first_frame + index.frame_count * (2 * part + 1) // (2 * parts) for part in range(parts)]
