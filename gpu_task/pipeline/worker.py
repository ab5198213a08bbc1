"""A worker process: python -m gpu_task.pipeline.worker CONNECTION MEMORY

Started by `gpu_task.pipeline.worker_process`. Both arguments are file descriptors: a socket to the parent, and the
memory shared with it. It ends when the parent closes the socket or ends in whatever way, even in the middle of a batch.
"""

import logging
import os
import select
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from gpu_task.pipeline.messages import Done, KeptLog, Raised, Ready, ScoreSlot, Setup
from gpu_task.pipeline.slots import slots_in
from gpu_task.redact import redact
from gpu_task.scorers.protocol import Scorer, begin, in_flight

PARENT_GONE = 1


class Worker:
    """Scores what the parent asks for, in order, as many batches at once as its scorer takes."""

    def __init__(self, parent: Connection, memory: int) -> None:
        self._parent, self._memory = parent, memory
        self._log = KeptLog()
        self._started: deque[tuple[ScoreSlot, Callable[[], NDArray[np.uint8]]]] = deque()

    def run(self) -> None:
        """Returns when the scorer could not be made.

        Raises:
            EOFError, BrokenPipeError: the parent is gone.
        """
        logging.getLogger().setLevel(logging.INFO)
        logging.getLogger().addHandler(self._log)
        setup: Setup = self._parent.recv()
        try:
            scorer = setup.make(setup.spec)
            scorer.prepare(setup.width, setup.height)
        except Exception as error:  # noqa: BLE001 - raised by the parent
            self._parent.send(_redacted(Raised.of(error, None, self._log.take())))
            return
        most = in_flight(scorer)
        peak = scorer.peak_memory_bytes()
        self._parent.send(Ready(scorer.batch_size, most, scorer.device, peak, self._log.take()))
        slots = slots_in(self._memory, self._parent.recv())
        while True:
            if self._started and (len(self._started) == most or not self._parent.poll()):
                self._finish(scorer, slots)
            else:
                asked: ScoreSlot = self._parent.recv()
                self._started.append((asked, _begin(scorer, slots[asked.slot, : asked.count])))

    def _finish(self, scorer: Scorer, slots: NDArray[np.uint8]) -> None:
        asked, collect = self._started.popleft()
        try:
            slots[asked.slot, : asked.count] = collect()
        except Exception as error:  # noqa: BLE001 - raised by the parent
            self._parent.send(_redacted(Raised.of(error, asked.slot, self._log.take())))
        else:
            self._parent.send(Done(asked.slot, scorer.peak_memory_bytes(), self._log.take()))


def _begin(scorer: Scorer, pixels: NDArray[np.uint8]) -> Callable[[], NDArray[np.uint8]]:
    """What gives the result, or raises what starting it raised: answers keep their order."""
    try:
        return begin(scorer, pixels)
    except Exception as error:  # noqa: BLE001 - raised when its turn comes
        return partial(_raise, error)


def _raise(error: Exception) -> NDArray[np.uint8]:
    raise error


def _redacted(raised: Raised) -> Raised:
    return Raised(**{**vars(raised), "text": redact(raised.text), "traceback": redact(raised.traceback)})


def _end_with(parent: Connection) -> None:
    """Ends this process as soon as the other end of the socket is closed. A thread of its own waits for that: scoring
    gives Python's lock away, so that a long batch does not hold it up."""
    poll = select.poll()
    poll.register(parent.fileno(), 0)  # hang-ups are told unasked
    poll.poll()
    os._exit(PARENT_GONE)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's; this process ends with it
    connection, memory = Connection(int(sys.argv[1])), int(sys.argv[2])
    threading.Thread(target=_end_with, args=(connection,), name="parent's end", daemon=True).start()
    with suppress(EOFError, BrokenPipeError):
        Worker(connection, memory).run()


if __name__ == "__main__":
    main()
