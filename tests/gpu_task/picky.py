"""A scorer with moods, for tests: `plan` says what it does. Frames are known by the number in their picture."""

import numpy as np

from contracts.task_spec import ScoreSpec
from tests.gpu_task.damaged import number_in


class Plan:
    """`bad`: frames that fail whenever they are in a batch. `failures_left`: calls that fail whatever they hold.
    `most`: frames that fit. `seen`: frames that were scored."""

    def __init__(self) -> None:
        self.bad: set[int] = set()
        self.failures_left = 0
        self.most = 100
        self.batch_size = 1
        self.seen: list[int] = []


plan = Plan()


class Picky:
    device = "a mood"

    def prepare(self, width: int, height: int) -> None:
        self.batch_size = plan.batch_size

    def peak_memory_bytes(self) -> int:
        return 1

    def score(self, batch: np.ndarray) -> np.ndarray:
        numbers = [number_in(rgb) for rgb in batch]
        if plan.failures_left:
            plan.failures_left -= 1
            raise RuntimeError("not now")
        if len(numbers) > plan.most:
            raise MemoryError(f"{len(numbers)} frames do not fit")
        if bad := plan.bad & set(numbers):
            raise ValueError(f"no style for {sorted(bad)}, see https://host/blob?sig=secret")
        plan.seen += numbers
        return batch


def make(spec: ScoreSpec) -> Picky:
    return Picky()
