"""The host in a process of its own (the runtime's loader is process-global), and how to talk to it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

REPOSITORY = Path(__file__).parents[3]
APP = Path(__file__).parent / "app"
PATIENCE_S = 60.0


def eventually[T](probe: Callable[[], T], what: str) -> T:
    """The first true value `probe` gives; fails, naming `what`, when there is none for a minute."""
    end = time.monotonic() + PATIENCE_S
    while not (value := probe()):
        if time.monotonic() > end:
            pytest.fail(f"never came: {what}; last: {value!r}")
        time.sleep(0.05)
    return value


class Child:
    """A child process whose output is read all along, so that it never blocks on a full pipe."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, **options
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def find(self, pattern: str) -> str:
        """The first group of `pattern` in the output, once it is there."""

        def probe() -> str | None:
            found = re.search(pattern, self.output)
            if found is None and self.process.poll() is not None:
                pytest.fail(f"exited with {self.process.returncode} before printing {pattern!r}:\n{self.output}")
            return found[1] if found else None

        return str(eventually(probe, pattern))

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signal it, wait for it, close the pipe; its exit status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        code = self.process.wait(PATIENCE_S)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@dataclass
class RunningHost:
    """A host process and how to talk to it."""

    child: Child
    url: str
    events: Path
    client: httpx.Client = field(repr=False)

    @property
    def durable(self) -> str:
        return f"{self.url}/runtime/webhooks/durabletask"

    def start(self, name: str, value: Any = None, instance_id: str = "") -> dict[str, str]:
        """Start an orchestration; its management links."""
        url = f"{self.durable}/orchestrators/{name}/{instance_id}".rstrip("/")
        answer = self.client.post(url, content=json.dumps(value))
        assert answer.status_code == 202, answer.text
        return answer.json()

    def status(self, instance_id: str) -> dict[str, Any]:
        return self.client.get(f"{self.durable}/instances/{instance_id}").json()

    def wait(self, instance_id: str, status: str | None = None) -> dict[str, Any]:
        """The status body once the instance has ended, or has reached `status`."""

        def probe() -> dict[str, Any] | None:
            body = self.status(instance_id)
            done = ("Completed", "Failed", "Terminated") if status is None else (status,)
            return body if body["runtimeStatus"] in done else None

        return eventually(probe, f"{instance_id} to end ({status}): {self.status(instance_id)}")

    def run(self, name: str, value: Any = None, instance_id: str = "") -> Any:
        """Start, wait, and give the output of an orchestration that completes."""
        body = self.wait(self.start(name, value, instance_id)["id"])
        assert body["runtimeStatus"] == "Completed", body
        return body["output"]

    def noted(self, *words: str) -> list[list[Any]]:
        """The app's notes that begin with `words`."""
        if not self.events.exists():
            return []
        notes = [json.loads(line) for line in self.events.read_text().splitlines()]
        return [one for one in notes if one[: len(words)] == list(words)]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.client.close()
        return self.child.end(number)


def launch(root: Path, state: Path, *options: str, **settings: str) -> Child:
    """Start a host on the app in `root`."""
    command = [sys.executable, "-m", "local.functions_host", "--root", str(root), "--port", "0", "--state", str(state)]
    return Child([*command, *options], cwd=REPOSITORY, env={**os.environ, **settings})


def start_host(state: Path, connection: str, *options: str, root: Path = APP, **settings: str) -> RunningHost:
    """Start a host on the test app, or the copy of it in `root`; it listens when this returns."""
    events = state.parent / f"{state.name}.events"
    own = {"AzureWebJobsStorage": connection, "DATA_STORAGE": connection, "TEST_EVENTS": str(events)}
    child = launch(root, state, *options, **{**own, **settings})
    try:
        url = child.find(r"listening on (http://\S+)")
    except BaseException:
        child.end(signal.SIGKILL)
        raise
    return RunningHost(child, url, events, httpx.Client(timeout=PATIENCE_S))
