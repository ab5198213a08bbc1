"""Azurite, Microsoft's storage emulator, as a child process that is restarted when it dies."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import AzuriteError
from local.identity.certificate import Certificate
from local.ports import ADDRESS
from local.processes import ProcessGroup, identify, is_alive, kill_group
from local.watchdog import Watchdog

_log = logging.getLogger(__name__)
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_MOST_RESTARTS = 5
_RECORD = "process"  # file in the data folder that names the running Azurite
SERVICES = ("blob", "queue", "table")
_LISTENING = b"successfully listening"


@dataclass(frozen=True)
class AzuriteSettings:
    """`data` and `log` are a folder and a file; `ports` by service (blob, queue, table); `keys` by account.

    With a `certificate` it speaks HTTPS alone, and takes tokens besides keys.
    """

    program: Path
    data: Path
    log: Path
    ports: Mapping[str, int]
    keys: Mapping[str, str]
    certificate: Certificate | None = None

    @property
    def _scheme(self) -> str:
        return "https" if self.certificate else "http"

    def url(self, service: str) -> str:
        return f"{self._scheme}://{ADDRESS}:{self.ports[service]}"

    def connection_string(self, account: str) -> str:
        endpoints = "".join(f"{name.title()}Endpoint={self.url(name)}/{account};" for name in SERVICES)
        return (
            f"DefaultEndpointsProtocol={self._scheme};AccountName={account};AccountKey={self.keys[account]};{endpoints}"
        )

    def command(self) -> list[str]:
        ports = [word for name in SERVICES for word in (f"--{name}Port", str(self.ports[name]))]
        hosts = [word for name in SERVICES for word in (f"--{name}Host", ADDRESS)]
        flags = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location", str(self.data)]
        if self.certificate:
            flags += ["--oauth", "basic", "--cert", str(self.certificate.path), "--key", str(self.certificate.key)]
        return [str(self.program), *flags, *hosts, *ports]

    def environment(self) -> dict[str, str]:
        accounts = ";".join(f"{name}:{key}" for name, key in self.keys.items())
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        # A copy from one account to another is a request to itself.
        trust = {"NODE_EXTRA_CA_CERTS": str(self.certificate.path)} if self.certificate else {}
        return {**inherited, **trust, "AZURITE_ACCOUNTS": accounts}


def find_azurite(folder: Path) -> Path:
    """The program in node_modules. Raises AzuriteError when it, or Node.js, is not installed."""
    program = folder / "node_modules" / ".bin" / "azurite"
    if not program.exists():
        raise AzuriteError(f"Azurite is not installed in {folder / 'node_modules'}: run make setup")
    if shutil.which("node") is None:
        raise AzuriteError("Azurite needs Node.js 20 or later on the PATH: install it, then run make setup")
    return program


async def end_left_over(data: Path) -> None:
    """Ends the Azurite of a stack that was killed: it would keep the ports and write to the same files."""
    record = data / _RECORD
    if not record.exists():
        return
    pgid, _, started = record.read_text().partition(" ")
    group = ProcessGroup(int(pgid), started)
    record.unlink()
    if not is_alive(group):
        return
    _log.warning("ending an Azurite that an earlier run left behind")
    kill_group(group.pgid, signal.SIGTERM)
    for _ in range(int(_STOP_SECONDS / _LOOK_SECONDS)):  # no child of this process: nothing tells of its end
        if not is_alive(group):
            return
        await asyncio.sleep(_LOOK_SECONDS)
    kill_group(group.pgid)


class Azurite:
    """`start` returns when all three services answer; `failed` ends with an AzuriteError when restarts do not help."""

    def __init__(self, settings: AzuriteSettings) -> None:
        self.settings = settings
        self._watchdog = Watchdog(signal.SIGTERM)  # tidy, so that Azurite writes its tables even then
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Raises AzuriteError with the end of its log when it does not start."""
        self.settings.data.mkdir(parents=True, exist_ok=True)
        try:
            await self._launch()
        except BaseException:
            await self.close()
            raise
        self._supervisor = asyncio.create_task(self._supervise())

    async def _launch(self) -> None:
        # Its output is a file, not a pipe: with this process gone a pipe breaks, and Azurite would die of that while
        # it shuts down, with its last seconds of writes unsaved.
        with self.settings.log.open("ab") as log:
            written = log.tell()
            self._process = process = await asyncio.create_subprocess_exec(
                *self.settings.command(),
                env=self.settings.environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a terminal must not end it before the app
            )
        self._watchdog.add(process.pid)
        self._remember(process.pid)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                if await self._listening(process, written):
                    return
        raise AzuriteError(f"Azurite did not start: {self._last_words()} (see {self.settings.log})")

    async def _listening(self, process: asyncio.subprocess.Process, written: int) -> bool:
        """True once its log says, after its first `written` bytes, that all services listen; False if it ended."""
        while self.settings.log.read_bytes()[written:].count(_LISTENING) < len(SERVICES):
            if process.returncode is not None:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True

    def _remember(self, pid: int) -> None:
        """For the next start: a stack that was killed may leave Azurite on its data."""
        group = identify(pid)
        if group is not None:
            (self.settings.data / _RECORD).write_text(f"{group.pgid} {group.started}")

    def _last_words(self) -> str:
        lines = self.settings.log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"

    async def _supervise(self) -> None:
        """Restarts Azurite when it dies by itself; its addresses stay the same."""
        for _ in range(_MOST_RESTARTS):
            assert self._process is not None
            status = await self._process.wait()
            self._watchdog.remove(self._process.pid)
            _log.error("Azurite ended by itself (status %d); what it wrote in its last seconds may be lost", status)
            try:
                await self._launch()
            except (AzuriteError, OSError) as error:
                self.failed.set_exception(AzuriteError(f"Azurite died and cannot be restarted: {error}"))
                return
            _log.info("Azurite is restarted")
        self.failed.set_exception(AzuriteError(f"Azurite died {_MOST_RESTARTS} times: see {self.settings.log}"))

    async def close(self) -> None:
        """Ends it tidily, so that everything is on disk."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            kill_group(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
            kill_group(self._process.pid)
            await self._process.wait()
        self._watchdog.close()
        self.failed.cancel()
