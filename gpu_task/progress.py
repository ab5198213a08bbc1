"""How far the task is, for the dashboard: an empty blob whose metadata says it, rewritten every two seconds.

A chunk's metadata is `frames`; a fit's is what `contracts.fit.FitProgress` has (see gpu_task/fit_monitor.py). Written
from a thread of its own, so that a slow network never slows the work. Progress is a courtesy: if it cannot be written
that is logged, and the task goes on.
"""

import logging
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from azure.core.exceptions import AzureError

from gpu_task import blobs

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0


class Progress:
    """`advance` counts frames, `show` says anything else; a thread writes what was last said.

    Use as a context manager: leaving it writes the last word, unless `last_word` says that whoever reads it will know
    better by then.
    """

    def __init__(self, url: str, interval: float = INTERVAL_SECONDS, *, last_word: bool = True) -> None:
        self._url = url
        self._interval = interval
        self._last_word = last_word
        self._done = 0
        self._shown: Mapping[str, str] = {}
        self._written: Mapping[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def advance(self, count: int = 1) -> None:
        self._done += count
        self.show({"frames": str(self._done)})

    def show(self, values: Mapping[str, str]) -> None:
        """Takes the place of what was shown before; `values` must not be changed afterwards."""
        self._shown = values

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
        if self._last_word:
            self._write()

    def _write(self) -> None:
        shown = self._shown
        if shown == self._written:
            return
        try:
            blobs.put(self._url, b"", "text/plain", shown)
        except AzureError as error:
            words = ", ".join(f"{value} {key}" for key, value in shown.items())
            log.warning("progress (%s) could not be written: %s", words, error)
        else:
            self._written = shown
