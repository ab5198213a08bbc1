"""What a scorer is. To add one: a module with `make(spec)` returning this, and a row in `gpu_task.scorers.SCORERS`."""

from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class Scorer(Protocol):
    """Scores frames one by one: a frame's result depends on its own pixels alone, not on its batch or its chunk."""

    def prepare(self, width: int, height: int) -> None:
        """Called once, before the first batch, with the size of every frame to come."""
        ...

    @property
    def batch_size(self) -> int:
        """Frames that `score` is to be given at once; known after `prepare`."""
        ...

    @property
    def device(self) -> str:
        """What it runs on and how, for the record: `cpu (4 threads), float32`."""
        ...

    def peak_memory_bytes(self) -> int:
        """Most memory in use so far, of the device that scores."""
        ...

    def score(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """RGB frames as FFmpeg has them, uint8 [B, H, W, 3] with 1 <= B <= batch_size, to as many of the same size."""
        ...


@runtime_checkable
class OverlappingScorer(Scorer, Protocol):
    """A scorer whose device works on its own: the next batches are started before the first is collected."""

    @property
    def in_flight(self) -> int:
        """Most batches that may be started and not yet collected; known after `prepare`."""
        ...

    def start(self, batch: NDArray[np.uint8]) -> Callable[[], NDArray[np.uint8]]:
        """Hands the batch to the device and returns at once; what it returns waits for the result and gives it.

        Results are collected in the order in which they were started.
        """
        ...


def in_flight(scorer: Scorer) -> int:
    """Batches that may be started before the first of them is collected."""
    return max(1, scorer.in_flight) if isinstance(scorer, OverlappingScorer) else 1


def begin(scorer: Scorer, batch: NDArray[np.uint8]) -> Callable[[], NDArray[np.uint8]]:
    """Starts the batch where the scorer's device works on its own; what it returns gives the result."""
    if isinstance(scorer, OverlappingScorer):
        return scorer.start(batch)
    return partial(scorer.score, batch)
