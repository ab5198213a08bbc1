"""What a scorer is. To add one: a module with `make(spec)` returning this, and a row in `gpu_task.scorers.SCORERS`."""

from typing import Protocol

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
        """RGB frames, uint8 [B, 3, H, W] with 1 <= B <= batch_size, to as many of the same size."""
        ...
