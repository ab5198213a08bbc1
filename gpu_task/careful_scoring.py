"""Scores batches; where a scorer raises, finds out whether that is about single frames or about all of them."""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from contracts.frame_runs import runs_of
from gpu_task.chunk_frames import ChunkFrame
from gpu_task.failures import BadFramesError, WorkerDiedError
from gpu_task.scorers.protocol import Scorer

log = logging.getLogger(__name__)

# A frame that fails is called bad if it fails every time and another one passes; so many others are tried.
TIMES, OTHERS = 2, 8


class CarefulScoring:
    """`scorer`, with failures told apart."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._passed = False

    def score(self, batch: Sequence[ChunkFrame], coming: Iterator[ChunkFrame]) -> list[NDArray[np.uint8]]:
        """The batch's frames scored, each [H, W, 3]. `coming` are the chunk's later frames: a few are tried if there
        is a failure and nothing to compare with.

        Raises:
            BadFramesError: some frames fail whenever they are scored, and others do not.
            Whatever the scorer raised, where it fails for all, or for none alone.
        """
        pixels = [frame.rgb for frame in batch if frame.rgb is not None]
        try:
            scored = self._run(pixels)
        except Exception as error:
            self.blame(error, batch, coming)
            raise
        self.passed()
        return scored

    def passed(self) -> None:
        """A batch was scored."""
        self._passed = True

    def blame(self, error: Exception, batch: Sequence[ChunkFrame], coming: Iterator[ChunkFrame]) -> None:
        """Finds out what `error`, raised for `batch`, is about: tries its frames one by one, and if none of them
        passes, and nothing did before, some of `coming`. Returns where it is not about single frames.

        Raises:
            BadFramesError: some frames fail whenever they are scored, and others do not.
        """
        if isinstance(error, WorkerDiedError):
            return  # there is nothing left to try them with
        log.warning("scoring frames %d..%d failed; trying them one by one", batch[0].number, batch[-1].number)
        bad = [frame.number for frame in batch if frame.rgb is not None and self._fails(frame.rgb)]
        if bad and (self._passed or len(bad) < len(batch) or self._any_passes(coming)):
            raise BadFramesError(runs_of(bad), f"scoring fails: {type(error).__name__}: {error}") from error

    def _run(self, frames: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        return list(self._scorer.score(np.stack(frames)))

    def _fails(self, rgb: NDArray[np.uint8]) -> bool:
        for _ in range(TIMES):
            try:
                self._run([rgb])
            except Exception:
                log.info("a frame alone fails", exc_info=True)
            else:
                return False
        return True

    def _any_passes(self, coming: Iterator[ChunkFrame]) -> bool:
        others = (frame.rgb for frame in coming if frame.fate == "scored" and frame.rgb is not None)
        return any(not self._fails(rgb) for rgb in islice(others, OTHERS))
