"""The stage that scores: batches to what is shown, in order. Runs in the thread that prepared the scorer."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from gpu_task.careful_scoring import CarefulScoring
from gpu_task.chunk_frames import ChunkFrame, Fate
from gpu_task.pipeline.batches import Batch
from gpu_task.pipeline.channel import Channel
from gpu_task.scorers.protocol import Scorer, begin, in_flight

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """What is shown for a frame: RGB [H, W, 3]; and the seconds that it took to decode and to score. One that was
    scored has its `source` still, of the same size."""

    number: int
    fate: Fate
    rgb: NDArray[np.uint8]
    decode: float
    score: float
    source: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class _Started:
    """A batch in the scorer's hands: `collect` gives its results, [len(to_score), H, W, 3], None if nothing of it is to
    be scored. Starting it took `seconds`."""

    batch: Batch
    collect: Callable[[], NDArray[np.uint8]] | None
    seconds: float


class Scoring:
    """Scores a chunk's batches; `seconds` were spent starting them and waiting for their results."""

    def __init__(self, scorer: Scorer) -> None:
        self.seconds = 0.0
        self._scorer = scorer
        self._careful = CarefulScoring(scorer)
        self._most = in_flight(scorer)
        self._started: deque[_Started] = deque()
        self._last: NDArray[np.uint8] | None = None

    def run(self, batches: Channel[Batch], shown: Channel[tuple[Shown, ...]]) -> None:
        """Puts a tuple of frames for every batch, in order. While the device has work and no further batch is there
        yet, the oldest result is waited for.

        Raises:
            BadFramesError: some frames fail whenever they are scored, and others do not.
            Whatever the scorer raised, where it fails for all, or for none alone.
            StoppedError: another stage has failed.
        """
        while True:
            if not self._started:
                batch = batches.take()
                if batch is None:
                    return
            else:
                batch = batches.take_ready() if len(self._started) < self._most else None
            if batch is not None:
                self._start(batch, batches)
            else:
                shown.put(self._collect(batches))

    def _start(self, batch: Batch, batches: Channel[Batch]) -> None:
        begun = time.perf_counter()
        collect: Callable[[], NDArray[np.uint8]] | None = None
        if batch.pixels is not None:
            try:
                collect = begin(self._scorer, batch.pixels)
            except Exception as error:
                self._blame(error, batch, batches)
                raise
        self._started.append(_Started(batch, collect, time.perf_counter() - begun))

    def _collect(self, batches: Channel[Batch]) -> tuple[Shown, ...]:
        started = self._started.popleft()
        if started.collect is None:
            return self._shown(started.batch, iter(()), 0.0)
        begun = time.perf_counter()
        try:
            scored = started.collect()
        except Exception as error:
            self._blame(error, started.batch, batches)
            raise
        self._careful.passed()
        seconds = started.seconds + time.perf_counter() - begun
        self.seconds += seconds
        return self._shown(started.batch, iter(scored), seconds / len(started.batch.to_score))

    def _shown(self, batch: Batch, scored: Iterator[NDArray[np.uint8]], seconds: float) -> tuple[Shown, ...]:
        if batch.is_stand_in:
            self._last = next(scored)
        return tuple(self._show(frame, scored, seconds) for frame in batch.frames)

    def _show(self, frame: ChunkFrame, scored: Iterator[NDArray[np.uint8]], seconds: float) -> Shown:
        if frame.fate == "scored":
            self._last = next(scored)
            return Shown(frame.number, frame.fate, self._last, frame.seconds, seconds, frame.rgb)
        rgb = self._last if frame.rgb is None else frame.rgb
        assert rgb is not None, f"frame {frame.number} is held, and neither a frame nor a stand-in came before it"
        return Shown(frame.number, frame.fate, rgb, frame.seconds, 0.0)

    def _blame(self, error: Exception, batch: Batch, batches: Channel[Batch]) -> None:
        """Raises: BadFramesError: it is about single frames of the batch. Else returns."""
        later = [started.batch for started in self._started]
        self._come_to_rest()
        frames = (frame for following in chain(later, batches) for frame in following.to_score)
        self._careful.blame(error, batch.to_score, iter(()) if batch.is_stand_in else frames)

    def _come_to_rest(self) -> None:
        """The device finishes what it was given, so that frames are tried alone on an idle one."""
        while self._started:
            collect = self._started.popleft().collect
            try:
                if collect is not None:
                    collect()
            except Exception:
                log.info("a batch behind the failed one fails too", exc_info=True)
