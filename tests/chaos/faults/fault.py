"""What a fault is: something that happens to a running job, and what may come of it.

TooLate     the job was over before the fault could strike
"""

import random
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from tests.chaos.jobs import Job
from tests.chaos.processes import TaskProcess, task_processes
from tests.chaos.stack import Stack


class TooLate(Exception):
    """The job was over before the fault could strike."""


@dataclass
class Scene:
    """Where a fault strikes: its own generator of random numbers makes it the same for the same seed."""

    stack: Stack
    job: Job
    rng: random.Random
    over: threading.Event = field(default_factory=threading.Event)

    def rest(self, seconds: float) -> None:
        """Waits, no longer than the job lasts."""
        self.over.wait(seconds)

    def gpu_task(self, age: float = 0.0) -> TaskProcess:
        """A process of `python -m gpu_task` of this job, `age` seconds after it was first seen, or a younger one.

        Raises:
            TooLate: there will be none.
        """
        while not self.over.is_set():
            if found := self._gpu_tasks():
                chosen = self.rng.choice(sorted(found, key=lambda one: one.pid))
                self.rest(age)
                if chosen in self._gpu_tasks():
                    return chosen
                age /= 2  # it was faster
            self.rest(0.02)
        raise TooLate

    def _gpu_tasks(self) -> list[TaskProcess]:
        return [one for one in task_processes(self.stack.nodes, self.job.id) if one.is_gpu_task]


class Fault(ABC):
    """`may_fail` is a pattern for the reasons a job may fail with; None: it has to complete.

    A fault that is `alone` hurts every job of the stack, so no other runs beside it. One that is `at_once` strikes
    right after the submission, not at a random moment. `by_upload` jobs come through the upload door. One that leaves
    nothing of the job for another fault does not `combine`.
    """

    name: ClassVar[str]
    may_fail: ClassVar[str | None] = None
    alone: ClassVar[bool] = False
    at_once: ClassVar[bool] = False
    by_upload: ClassVar[bool] = False
    combines: ClassVar[bool] = True

    @abstractmethod
    def inject(self, scene: Scene) -> str:
        """Break it; returns what was broken, once that is over. Raises TooLate."""

    def lift(self, scene: Scene) -> None:  # noqa: B027 - most faults leave nothing
        """The job is over: take away what is left of the fault."""

    def problems(self, scene: Scene) -> list[str]:
        """What else must hold after this fault, in words where it does not."""
        return []
