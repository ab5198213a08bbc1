"""A scorer that is several processes: one per GPU, or, on a machine without any, each with its share of the cores."""

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from contracts.task_spec import ScoreSpec
from gpu_task.pipeline.messages import Setup, for_worker
from gpu_task.pipeline.worker_process import WorkerProcess
from gpu_task.scorers import make_scorer
from gpu_task.scorers.protocol import Scorer

# A worker has one batch more than its scorer can have in flight: it never waits for its parent.
AHEAD = 1


class Workers:
    """An `OverlappingScorer`: batches go to `count` workers in turn, each with the scorer that `make` gives for `spec`.

    Batches pass through shared memory, `in_flight` of them. To be used as a context manager, which ends all workers;
    they end by themselves if this process does. It is used from one thread.

    Raises (all methods that wait for a worker):
        WorkerError: its scorer raised; HopelessWorkerError where trying again cannot help.
        WorkerDiedError: the process ended.
    """

    def __init__(self, spec: ScoreSpec, count: int, make: Callable[[ScoreSpec], Scorer] = make_scorer) -> None:
        self._spec, self._make = for_worker(spec), make
        self._workers: list[WorkerProcess] = []
        self._count = count
        self._next = 0
        self.batch_size = self.in_flight = 1

    def prepare(self, width: int, height: int) -> None:
        """Starts all workers at once, and waits until each has its scorer."""
        for number in range(self._count):
            self._workers.append(WorkerProcess(number, self._count))
        setup = Setup(self._spec, self._make, width, height)
        for worker in self._workers:
            worker.set_up(setup)
        ready = [worker.wait_ready() for worker in self._workers]
        self.batch_size = min(answer.batch_size for answer in ready)
        slots = AHEAD + min(answer.in_flight for answer in ready)
        self.in_flight = slots * self._count
        for worker in self._workers:
            worker.share((slots, self.batch_size, height, width, 3))

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    @property
    def device(self) -> str:
        devices = dict.fromkeys(worker.ready.device for worker in self._workers if worker.ready)
        return f"{self._count} workers: {'; '.join(devices)}"

    def peak_memory_bytes(self) -> int:
        """The sum of what the workers had last told."""
        return sum(worker.peak_memory_bytes for worker in self._workers)

    def score(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return self.start(batch)()

    def start(self, batch: NDArray[np.uint8]) -> Callable[[], NDArray[np.uint8]]:
        worker = self._workers[self._next]
        self._next = (self._next + 1) % self._count
        return partial(worker.collect, worker.start(batch), len(batch))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.hang_up()
        for worker in self._workers:
            worker.close()
