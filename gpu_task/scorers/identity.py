"""Returns frames as they came. It measures what everything but a model costs, and needs no torch."""

import resource
import sys

import numpy as np
from numpy.typing import NDArray

from contracts.task_spec import ScoreSpec


class Identity:
    batch_size = 1
    device = "cpu, identity"

    def prepare(self, width: int, height: int) -> None:
        pass

    def peak_memory_bytes(self) -> int:
        return process_peak_bytes()

    def score(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return batch


def make(spec: ScoreSpec) -> Identity:
    return Identity()


def process_peak_bytes() -> int:
    """The process's largest resident size; Linux counts it in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
