"""From a clip to segments: the steps a worker takes, for the tests."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from media.frames import output_size, to_rgb
from media.reader import read_frames
from media.segment import SegmentWriter
from media.stitch import Segment
from tests.media.conftest import FAST, Clip


def write_segment(clip: Clip, path: Path, first: int, last: int, max_dimension: int | None = None) -> Path:
    window = clip.index.window(first, last)
    size = output_size(clip.index, max_dimension)
    with SegmentWriter(path, window, first, last, size, FAST) as segment:
        for frame in read_frames(clip.path, window, first, last):
            segment.write(to_rgb(frame, size))
    return path


def write_segments(clip: Clip, folder: Path, starts: Sequence[int]) -> list[Segment]:
    """Segments that begin at `starts` (numbers beyond the clip are left out) and cover the clip."""
    count = clip.index.frame_count
    bounds = [*sorted({n for n in starts if n < count} | {0}), count]
    segments: list[Segment] = []
    for first, after in pairwise(bounds):
        path = write_segment(clip, folder / f"{first}.mp4", first, after - 1)
        segments.append(Segment(first, after - 1, lambda path=path: path.open("rb")))
    return segments
