"""The frames of a chunk in order: decoded to be scored, taken as they are in the source, or left to be held."""

import logging
import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contracts.frame_runs import FrameRun, runs_of, within, without
from contracts.task_spec import ScoreSpec
from gpu_task.failures import BadFramesError, HopelessError
from media.errors import FramesMissing
from media.frames import to_rgb
from media.leniently import read_leniently
from media.ranged import RangedReader
from media.stretches import read_in_stretches
from media.survey import bad_frames

log = logging.getLogger(__name__)

# A decoder has one thread (see `media.stretches`); this many of them on a node with a GPU's usual 16 cores and more. On
# a few cores they would only take them from the scorer and the encoder.
MAX_DECODERS, CORES_PER_DECODER = 4, 4


class NothingToHoldError(HopelessError):
    """No frame near those that are to be replaced can be decoded."""


Fate = Literal["scored", "held", "source"]


@dataclass(frozen=True)
class ChunkFrame:
    """One frame on its way into the segment: its number in the source, what is done with it, its pixels [H, W, 3] at
    the output's size (None if it is to be held), and the seconds it took to get. A held frame that no scored one
    precedes has a `stand_in`, which is scored and shown for it and for those held after it."""

    number: int
    fate: Fate
    rgb: NDArray[np.uint8] | None
    seconds: float = 0.0
    stand_in: "ChunkFrame | None" = None


class ChunkFrames:
    """What `spec` asks for, read from `source` at `size` (width, height), by so many `decoders` at once (None: as many
    as suit the machine), each with a reader of its own. Frames of `avoided`, before the chunk, are neither to warm up
    with nor to be held.

    Raises (while iterated):
        BadFramesError: frames that are not to be replaced do not decode; it names all of them.
        NothingToHoldError: the first frame is to be held, and none near it decodes.
        media.errors.UnsupportedMedia: the source cannot be opened.
    """

    def __init__(
        self,
        spec: ScoreSpec,
        source: RangedReader,
        size: tuple[int, int],
        decoders: int | None = None,
        avoided: Sequence[FrameRun] = (),
    ) -> None:
        self._spec, self._source, self._size = spec, source, size
        self._decoders = decoders or max(1, min(MAX_DECODERS, (os.process_cpu_count() or 1) // CORES_PER_DECODER))
        self._readers = [source]
        self._replaced = spec.replacement.frames if spec.replacement else ()
        self._avoided = (*avoided, *self._replaced, *(spec.replacement.avoid if spec.replacement else ()))

    def __iter__(self) -> Generator[ChunkFrame]:
        scored = False
        with closing(self._frames()) as frames:
            for frame in frames:
                if frame.fate == "held" and not scored:
                    frame = replace(frame, stand_in=self.stand_in())
                scored = scored or frame.fate == "scored" or frame.stand_in is not None
                yield frame

    def _frames(self) -> Generator[ChunkFrame]:
        spec = self._spec
        good = [(run, False) for run in without((spec.first, spec.last), self._replaced)]
        bad = [(run, True) for run in within(self._replaced, spec.first, spec.last)]
        for run in without((spec.first - spec.warm_up, spec.first - 1), self._avoided) if spec.warm_up else ():
            yield from self._decoded(run)
        for run, is_replaced in sorted(good + bad):
            yield from self._stand_ins(run) if is_replaced else self._decoded(run)

    @property
    def readers(self) -> tuple[RangedReader, ...]:
        """All that have read so far: what they fetched, and the seconds that it took, adds up."""
        return tuple(self._readers)

    def _open(self) -> RangedReader:
        if self._decoders == 1:
            return self._source
        self._readers.append(self._source.again())
        return self._readers[-1]

    def stand_in(self) -> ChunkFrame:
        """The frame to be scored and held where the segment begins with frames to be held: the nearest before the
        chunk that decodes, else the first after.

        Raises:
            NothingToHoldError: none does in the whole window of the index.
        """
        index = self._spec.index
        end = index.first_frame + index.frame_count - 1
        before = without((index.first_frame, self._spec.first - 1), self._avoided) if self._has_before() else ()
        for run in reversed(before):
            if good := without(run, bad_frames(self._source, index, *run)):
                return next(self._decoded((good[-1][1], good[-1][1])))
        for run in without((self._spec.first, end), self._avoided):
            if good := without(run, bad_frames(self._source, index, *run)):
                return next(self._decoded((good[0][0], good[0][0])))
        raise NothingToHoldError(
            f"no frame of {index.first_frame}..{end} can be decoded, so that there is none to hold; repair the video"
        )

    def _has_before(self) -> bool:
        return self._spec.index.first_frame < self._spec.first

    def _stand_ins(self, run: FrameRun) -> Iterator[ChunkFrame]:
        position = run[0]
        if self._spec.replacement and self._spec.replacement.by == "source":
            start = time.perf_counter()
            for number, frame in read_leniently(self._source, self._spec.index, *run):
                yield from _held(position, number)
                yield ChunkFrame(number, "source", to_rgb(frame, self._size), time.perf_counter() - start)
                position, start = number + 1, time.perf_counter()
        yield from _held(position, run[1] + 1)

    def _decoded(self, run: FrameRun) -> Iterator[ChunkFrame]:
        """Those of a run. Warm-up frames that do not decode are passed over: what follows them warms up as well."""
        position, last = run
        while position <= last:
            start = time.perf_counter()
            frames = read_in_stretches(self._open, self._spec.index, position, last, readers=self._decoders)
            try:
                with closing(frames):
                    for frame in frames:
                        rgb = to_rgb(frame, self._size)
                        yield ChunkFrame(position, "scored", rgb, time.perf_counter() - start)
                        position, start = position + 1, time.perf_counter()
            except FramesMissing as error:
                position = self._after_bad(position, last, error)

    def _after_bad(self, first: int, last: int, error: FramesMissing) -> int:
        """The frame after the bad ones of a warm-up; anywhere else they are the task's failure."""
        end = max(last, self._spec.last) if first >= self._spec.first else last
        surveyed = bad_frames(self._source, self._spec.index, first, min(end, self._last_known()))
        bad = [part for run in surveyed for part in without(run, self._replaced)]
        if not bad:
            raise error
        if last >= self._spec.first:
            raise BadFramesError(bad, str(error)) from error
        log.warning("warm-up: %s", error)
        return bad[-1][1] + 1

    def _last_known(self) -> int:
        return self._spec.index.first_frame + self._spec.index.frame_count - 1


def _held(first: int, end: int) -> Iterator[ChunkFrame]:
    return (ChunkFrame(number, "held", None) for number in range(first, end))


class Fates:
    """What became of the frames written, for the segment's metadata."""

    def __init__(self) -> None:
        self._numbers: dict[str, list[int]] = {"held": [], "source": []}

    def note(self, number: int, fate: str) -> None:
        if fate in self._numbers:
            self._numbers[fate].append(number)

    def runs(self) -> dict[str, tuple[FrameRun, ...]]:
        return {fate: runs_of(numbers) for fate, numbers in self._numbers.items()}
