"""The frames that a style is judged on: neighbours, since flicker is between neighbours."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contracts.video_index import VideoIndex
from gpu_task.evaluation import EvaluationError
from media.frames import output_size, to_rgb
from media.index import probe
from media.reader import read_frames


class TooFewFramesError(EvaluationError):
    """A clip is too short to tell flicker."""


@dataclass(frozen=True)
class Clip:
    """Frames `first`..`last` of the video `path`, at `size` (width, height)."""

    path: Path
    index: VideoIndex
    first: int
    last: int
    size: tuple[int, int]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    @cached_property
    def frames(self) -> list[NDArray[np.uint8]]:
        """All of them, RGB [H, W, 3], decoded once."""
        return self.read(self.first, self.last)

    def read(self, first: int, last: int) -> list[NDArray[np.uint8]]:
        """Decodes these alone, as the task of such a chunk does.

        Raises:
            media.errors.MediaError: they cannot be decoded.
        """
        return [to_rgb(frame, self.size) for frame in read_frames(self.path, self.index, first, last)]


def find_clip(path: Path, frames: int, longer_side: int) -> Clip:
    """`frames` frames from the middle of a video, or all where it has fewer.

    Raises:
        TooFewFramesError: it has but one.
        media.errors.MediaError: it is no video that can be used.
        OSError: there is no such file.
    """
    index = probe(path)
    count = min(frames, index.frame_count)
    if count < 2:
        raise TooFewFramesError(f"{path.name}: {count} frame; flicker is told by two at least, give a longer clip")
    first = index.first_frame + (index.frame_count - count) // 2
    return Clip(path, index, first, first + count - 1, output_size(index, longer_side))
