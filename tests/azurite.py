"""Azurite, the real storage emulator, as a process on free ports."""

import re
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[1]
# Azurite's one account, published in its documentation.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azurite:
    """`blob_url` and `queue_url` include the account; `connection_string` names both."""

    account, key = ACCOUNT, KEY

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        try:
            self.blob_url = self._start("blob")
            self.queue_url = self._start("queue")
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kill()

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.blob_url};QueueEndpoint={self.queue_url};"
        )

    def _start(self, service: str) -> str:
        command = [str(ROOT / f"node_modules/.bin/azurite-{service}"), f"--{service}Host", "127.0.0.1"]
        command += [f"--{service}Port", "0", "--location", str(self._folder / service), "--skipApiVersionCheck"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._processes.append(process)
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:[1-9]\d*", line):
                return f"{found[0]}/{ACCOUNT}"
        raise AssertionError(f"Azurite did not start: {''.join(said)}")

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()  # its tidy end waits six seconds for open connections
            process.wait()
            if process.stdout:
                process.stdout.close()
