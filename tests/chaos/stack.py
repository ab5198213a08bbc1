"""A whole local stack of separate processes, with a toxic proxy before each service that the app and its nodes use."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.app_settings import BatchAccount, PoolSize, app_settings
from local.azurite import SERVICES, AzuriteSettings, find_azurite
from local.infrastructure import ACCOUNTS, deploy
from local.ports import choose_ports
from local.state_folder import StateFolder
from local.watchdog import Watchdog
from tests.chaos.parts import ROOT, Part
from tests.chaos.toxic_proxy import ToxicProxy, batch_error, storage_error
from tests.local.loop_thread import LoopThread

BATCH_ACCOUNT = "local"
# Runs wait for the safety net and for the wall-clock limit too; a real deployment has minutes and hours.
QUICK = {"GPU_TASK_POLL_SECONDS": "2", "PROGRESS_SECONDS": "0.5", "GPU_TASK_MAX_SECONDS": "30", "GUARD_SECONDS": "1"}


class Stack:
    """A context manager; inside, everything answers. `blobs` and `queues` (by account) and `batch` reach the services
    directly, past the proxies: what looks at the stack must not be hurt."""

    def __init__(self, state: Path) -> None:
        self.state = state.resolve()
        self.orders = self.state / "orders"
        self.nodes = self.state / "batch" / "nodes"
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            self._start(starting)
            self._running = starting.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._running.close()

    def _start(self, running: contextlib.ExitStack) -> None:
        program = find_azurite(ROOT)
        folder = StateFolder(self.state)
        running.callback(folder.close)
        self.orders.mkdir(exist_ok=True)
        names = ("functions", "batch", *SERVICES)
        ports = choose_ports(dict.fromkeys(names, 0), {})
        watchdog = Watchdog()
        running.callback(watchdog.close)
        self._loop = running.enter_context(LoopThread())
        self.storage_proxies = {name: self._proxy(running, ports[name], storage=True) for name in ("blob", "queue")}
        self.batch_proxy = self._proxy(running, ports["batch"], storage=False)

        self._make_parts(program, folder, ports)
        for part in (self.azurite, self.batch_service):
            part.start(watchdog)
            running.callback(part.kill)
        self._connect(running, ports["batch"])
        asyncio.run(deploy({account: self._direct.connection_string(account) for account in ACCOUNTS}))
        self.host = self._make_host(folder, ports["functions"])
        self.host.start(watchdog)
        running.callback(self.host.kill)
        self.url = f"http://127.0.0.1:{ports['functions']}"

    def _proxy(self, running: contextlib.ExitStack, port: int, *, storage: bool) -> ToxicProxy:
        proxy = ToxicProxy(port, storage_error if storage else batch_error)
        self._loop.run(proxy.start())
        running.callback(lambda: self._loop.run(proxy.close()))
        return proxy

    def _make_parts(self, program: Path, folder: StateFolder, ports: dict[str, int]) -> None:
        self._direct = AzuriteSettings(
            program, folder.path / "azurite", folder.logs / "azurite.log", ports, folder.account_keys(ACCOUNTS)
        )
        self._direct.data.mkdir(exist_ok=True)
        self.azurite = Part(
            "azurite",
            self._direct.command(),
            self._direct.environment(),
            self._direct.log,
            lambda said: said.count("successfully listening") >= len(SERVICES),
        )
        words = ["--state", str(self.state / "batch"), "--port", str(ports["batch"]), "--orders", str(self.orders)]
        self.batch_service = Part(
            "batch service",
            [sys.executable, "-m", "tests.chaos.batch_part", *words],
            os.environ,
            folder.logs / "batch.log",
            lambda said: "Batch service listening on" in said,
        )

    def _connect(self, running: contextlib.ExitStack, port: int) -> None:
        strings = {account: self._direct.connection_string(account) for account in ACCOUNTS}
        self.blobs = {
            account: running.enter_context(BlobServiceClient.from_connection_string(text))
            for account, text in strings.items()
        }
        self.queues = {
            account: running.enter_context(QueueServiceClient.from_connection_string(text))
            for account, text in strings.items()
        }
        credential = AzureNamedKeyCredential(BATCH_ACCOUNT, self._batch_key())
        self.batch = running.enter_context(BatchClient(f"http://127.0.0.1:{port}", credential))

    def _batch_key(self) -> str:
        return (self.state / "batch" / "account.key").read_text()

    def _make_host(self, folder: StateFolder, port: int) -> Part:
        """The unmodified app; all it knows of storage and Batch are the proxies' addresses."""
        seen = {**self._direct.ports, **{name: proxy.port for name, proxy in self.storage_proxies.items()}}
        azurite = AzuriteSettings(self._direct.program, self._direct.data, self._direct.log, seen, self._direct.keys)
        batch = BatchAccount(f"http://127.0.0.1:{self.batch_proxy.port}", BATCH_ACCOUNT, self._batch_key())
        command = {"BATCH_TASK_COMMAND": "python -m tests.chaos.wayward_task"}
        words = ["--root", ".", "--port", str(port), "--state", str(self.state / "functions"), "--grace", "5"]
        return Part(
            "functions host",
            [sys.executable, "-m", "local.functions_host", *words],
            {**os.environ, **app_settings(azurite, batch, PoolSize()), **QUICK, **command},
            folder.logs / "functions.log",
            lambda said: "Functions host listening on" in said,
        )

    @property
    def proxies(self) -> tuple[ToxicProxy, ...]:
        return (*self.storage_proxies.values(), self.batch_proxy)

    def cut_all(self, proxies: tuple[ToxicProxy, ...]) -> None:
        for proxy in proxies:
            self._loop.run(proxy.cut_all())
