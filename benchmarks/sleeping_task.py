"""A GPU task whose scorer only waits: `python -m benchmarks.sleeping_task SECONDS` is `python -m gpu_task` otherwise.

It stands for a GPU that works for so long on each frame, and so shows what the system adds on top. Jobs ask for the
scorer `identity`; nothing of the product knows of this one.
"""

import sys
import time

import numpy as np
from numpy.typing import NDArray

from contracts.task_spec import ScoreSpec
from gpu_task.scorers import SCORERS
from gpu_task.scorers.identity import Identity


class Sleeping(Identity):
    """Frames as they came, `seconds` later each."""

    device = "cpu, asleep"
    seconds = 1.0

    def score(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        time.sleep(self.seconds * len(batch))
        return batch


def make(spec: ScoreSpec) -> Sleeping:
    return Sleeping()


def main() -> int:
    from benchmarks import sleeping_task

    sleeping_task.Sleeping.seconds = float(sys.argv[1])
    SCORERS["identity"] = sleeping_task.__name__
    from gpu_task.__main__ import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
