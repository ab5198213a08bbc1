"""The parts of the chaos stack: processes that can be killed alone and come back at the same address."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from local.watchdog import Watchdog

ROOT = Path(__file__).parents[2]
_START_SECONDS = 90.0
_STOP_SECONDS = 20.0


class Part:
    """A command that says in its log when it is ready; `ready` is asked about what it has written since its start."""

    def __init__(
        self, name: str, command: list[str], environment: Mapping[str, str], log: Path, ready: Callable[[str], bool]
    ) -> None:
        self.name = name
        self._command, self._environment, self._log, self._ready = command, dict(environment), log, ready
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: Watchdog | None = None

    def start(self, watchdog: Watchdog | None = None) -> None:
        """Returns once it answers. Raises AssertionError with its last words when it does not start."""
        self._watchdog = watchdog or self._watchdog
        with self._log.open("ab") as log:
            began = log.tell()
            self._process = process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if self._watchdog is not None:
            self._watchdog.add(process.pid)
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready(self._said(began)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.name} did not start: {self._said(began)[-2000:]}")
            time.sleep(0.05)

    def _said(self, began: int) -> str:
        with self._log.open("rb") as log:
            log.seek(began)
            return log.read().decode(errors="replace")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL, to every process of it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(_STOP_SECONDS)
        if self._watchdog is not None:
            self._watchdog.remove(process.pid)
        self._process = None
