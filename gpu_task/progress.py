"""How far the task is, for the dashboard: an empty blob whose metadata says `frames`, rewritten every two seconds.

Written from a thread of its own, so that a slow network never slows scoring. Progress is a courtesy: if it cannot be
written that is logged, and the task goes on.
"""

import logging
import threading
from types import TracebackType
from typing import Self

from azure.core.exceptions import AzureError

from gpu_task import blobs

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0


class Progress:
    """`advance` counts; a thread writes. Use as a context manager: leaving it writes the last count."""

    def __init__(self, url: str, interval: float = INTERVAL_SECONDS) -> None:
        self._url = url
        self._interval = interval
        self._done = 0
        self._written = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def advance(self, count: int = 1) -> None:
        self._done += count

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._write()
        self._write()

    def _write(self) -> None:
        done = self._done
        if done == self._written:
            return
        try:
            blobs.put(self._url, b"", "text/plain", {"frames": str(done)})
        except AzureError as error:
            log.warning("progress (%d frames) could not be written: %s", done, error)
        else:
            self._written = done
