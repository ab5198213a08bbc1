"""One worker process as its parent sees it."""

import logging
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from contracts.task_spec import SPEC_URL_VARIABLE
from gpu_task import environment
from gpu_task.environment import DEVICE_INDEX_VARIABLE
from gpu_task.failures import HopelessError, WorkerDiedError
from gpu_task.pipeline.messages import Done, Raised, Ready, ScoreSlot, Setup
from gpu_task.pipeline.slots import shared_memory, slots_in

log = logging.getLogger(__name__)

END_SECONDS = 5.0


class WorkerError(Exception):
    """The scorer of a worker raised. The reason begins with which worker, and what it raised."""

    def __init__(self, text: str, errno: int | None = None) -> None:
        super().__init__(text)
        self.errno = errno


class HopelessWorkerError(WorkerError, HopelessError):
    """As `WorkerError`; trying again cannot help."""


class WorkerProcess:
    """Starts worker `number` of `count`, and speaks with it. It is given batches in slots of shared memory."""

    def __init__(self, number: int, count: int) -> None:
        self.name = f"worker {number + 1} of {count}"
        self.ready: Ready | None = None
        self.peak_memory_bytes = 0
        self._memory = shared_memory()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gpu_task.pipeline.worker", str(theirs.fileno()), str(self._memory)],
                env=_environment(number, count),
                pass_fds=(theirs.fileno(), self._memory),
                stdin=subprocess.DEVNULL,
            )
        self._connection = Connection(ours.detach())
        self._slots: NDArray[np.uint8] | None = None
        self._free: deque[int] = deque()

    @property
    def pid(self) -> int:
        return self._process.pid

    def set_up(self, setup: Setup) -> None:
        """Returns before the scorer is made."""
        self._send(setup)

    def wait_ready(self) -> Ready:
        """What its scorer says of itself. Raises: WorkerError, WorkerDiedError."""
        answer = self._receive()
        assert isinstance(answer, Ready)
        self.ready, self.peak_memory_bytes = answer, answer.peak_memory_bytes
        return answer

    def share(self, shape: tuple[int, int, int, int, int]) -> None:
        """From now on batches go through slots of this shape, [slots, B, H, W, 3]."""
        self._slots = slots_in(self._memory, shape)
        self._free.extend(range(shape[0]))
        self._send(shape)

    def start(self, batch: NDArray[np.uint8]) -> int:
        """Hands over a batch, uint8 [B, H, W, 3]; the number that `collect` wants. A slot must be free."""
        assert self._slots is not None
        slot = self._free.popleft()
        self._slots[slot, : len(batch)] = batch
        self._send(ScoreSlot(slot, len(batch)))
        return slot

    def collect(self, slot: int, count: int) -> NDArray[np.uint8]:
        """Waits for the result of the batch that was started longest ago. Raises: WorkerError, WorkerDiedError."""
        assert self._slots is not None
        try:
            answer = self._receive()
            assert isinstance(answer, Done)
            assert answer.slot == slot, f"{self.name} answered for batch {answer.slot} instead of {slot}"
            self.peak_memory_bytes = answer.peak_memory_bytes
            return self._slots[slot, :count].copy()
        finally:
            self._free.append(slot)

    def hang_up(self) -> None:
        """Tells the process to end, whatever it is doing."""
        self._connection.close()

    def close(self) -> None:
        """Waits for the end of a process that was hung up on."""
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._memory)

    def _send(self, message: object) -> None:
        try:
            self._connection.send(message)
        except OSError as error:
            raise self._died() from error

    def _receive(self) -> Ready | Done:
        try:
            answer: Ready | Done | Raised = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._died() from error
        for level, name, text in answer.log:
            logging.getLogger(name).log(level, "%s: %s", self.name, text)
        if isinstance(answer, Raised):
            raise self._raised(answer)
        return answer

    def _raised(self, answer: Raised) -> WorkerError:
        kind = HopelessWorkerError if answer.hopeless else WorkerError
        error = kind(f"{self.name}: {answer.kind}: {answer.text}", answer.errno)
        error.add_note(f"raised in {self.name}:\n{answer.traceback}")
        return error

    def _died(self) -> WorkerDiedError:
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return WorkerDiedError(f"{self.name} (process {self.pid}) does not answer any more")
        how = f"was ended by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"ended with code {code}"
        return WorkerDiedError(f"{self.name} (process {self.pid}) {how} before its work was done")


def _environment(number: int, count: int) -> Mapping[str, str]:
    """What a task may keep, without its spec's URL; which GPU is the worker's, and its share of the processors."""
    kept = environment.allowed(os.environ)
    kept.pop(SPEC_URL_VARIABLE, None)
    cores = int(kept.get("OMP_NUM_THREADS") or os.process_cpu_count() or 1)
    return {
        **kept,
        "OMP_NUM_THREADS": str(max(1, cores // count)),
        DEVICE_INDEX_VARIABLE: str(number),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
