"""The Batch service as a process of its own, which tests can kill."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from tests.local.batch_service.local_batch import LocalBatch


class ServiceProcess(LocalBatch):
    """`python -m local.batch_service` on a state folder."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "local.batch_service", "--state", str(self.state)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        url = self._process.stdout.readline().strip()
        assert url, "the service did not start"
        credential = AzureNamedKeyCredential("local", (self.state / "account.key").read_text())
        self.client = BatchClient(url, credential)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop(signal.SIGTERM)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self, number: signal.Signals) -> int:
        """Its exit status; a second call changes nothing."""
        if self._process.returncode is None:
            self.client.close()
            self._process.send_signal(number)
            self._process.communicate()
        return self._process.returncode

    def watchdog(self) -> int:
        """The helper that outlives the service: the child that runs watchdog.py."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return next(int(pid) for pid in children if b"watchdog.py" in Path(f"/proc/{pid}/cmdline").read_bytes())


def is_gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
