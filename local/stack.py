"""The local stack: Azurite, the Batch service and the Functions host, started and stopped together."""

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from local.app_settings import WARMTH, BatchAccount, PoolSize, app_settings, node_environment
from local.azurite import Azurite, AzuriteSettings, end_left_over, find_azurite
from local.batch_service import BatchService, NodeImage, PoolSettings
from local.functions_host.host import Host
from local.infrastructure import ACCOUNTS, deploy
from local.ports import choose_ports
from local.state_folder import StateFolder

REPOSITORY = Path(__file__).resolve().parent.parent
_USUAL_PORTS = {"functions": 7071, "blob": 10000, "queue": 10001, "table": 10002, "batch": 10100}
_GRACE_SECONDS = 10.0  # what running functions get when the stack stops; unfinished activities run again


@dataclass(frozen=True)
class StackSettings:
    """`port` is the Functions host's; None: 7071 or a free one; 0: free ones for everything, on the first run.

    `cold_nodes` start every task's Python from nothing, as Azure does. `extra` are app settings that win over the
    stack's.
    """

    app: Path = REPOSITORY
    state: Path = Path(".local")
    pool: PoolSize = field(default_factory=PoolSize)
    port: int | None = None
    require_keys: bool = False
    cold_nodes: bool = False
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoints:
    """Where the running stack answers; `data_storage` is a connection string."""

    functions: str
    blobs: str
    queues: str
    batch: str
    data_storage: str = field(repr=False)

    def __str__(self) -> str:
        return f"functions {self.functions}  blobs {self.blobs}  queues {self.queues}  batch {self.batch}"


class Stack:
    """An asynchronous context manager; inside, `endpoints` is known and everything answers.

    Raises LocalStackError, the Batch service's StateError or the host's HostError when something cannot start; what
    had started is stopped then.
    """

    endpoints: Endpoints
    host: Host
    azurite: Azurite

    def __init__(self, settings: StackSettings) -> None:
        self._settings = settings
        self._running = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._running.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def _start(self) -> None:
        program = find_azurite(REPOSITORY)
        folder = StateFolder(self._settings.state)
        self._running.callback(folder.close)
        await end_left_over(folder.path / "azurite")
        ports = self._choose_ports(folder)
        await self._start_azurite(program, folder, ports)
        batch = await self._start_batch(folder, ports["batch"])
        settings = app_settings(self.azurite.settings, batch, self._settings.pool) | self._settings.extra
        self._export(settings)
        await self._start_host(folder, ports["functions"])
        azurite = self.azurite.settings
        self.endpoints = Endpoints(
            functions=self.host.url,
            blobs=azurite.url("blob"),
            queues=azurite.url("queue"),
            batch=batch.url,
            data_storage=azurite.connection_string("data"),
        )
        folder.write(folder.endpoints.name, self._published())

    def _choose_ports(self, folder: StateFolder) -> dict[str, int]:
        port = self._settings.port
        usual = dict.fromkeys(_USUAL_PORTS, 0) if port == 0 else _USUAL_PORTS
        required = {"functions": port} if port else {}
        ports = choose_ports(usual, folder.read("ports.json"), required)
        folder.write("ports.json", ports)
        return ports

    async def _start_azurite(self, program: Path, folder: StateFolder, ports: dict[str, int]) -> None:
        keys = folder.account_keys(ACCOUNTS)
        log = folder.logs / "azurite.log"
        self.azurite = Azurite(AzuriteSettings(program, folder.path / "azurite", log, ports, keys))
        await self.azurite.start()
        self._running.push_async_callback(self.azurite.close)
        await deploy({account: self.azurite.settings.connection_string(account) for account in ACCOUNTS})

    async def _start_batch(self, folder: StateFolder, port: int) -> BatchAccount:
        pool = self._settings.pool
        environment = node_environment(self._settings.app.resolve(), Path(sys.executable), pool, folder.path)
        image = NodeImage(environment, warmth=None if self._settings.cold_nodes else WARMTH)
        deployed = PoolSettings(pool.id, pool.nodes, pool.slots_per_node)
        service = BatchService(folder.path / "batch", port=port, pools=(deployed,), image=image)
        await service.start()
        self._running.push_async_callback(service.close)
        return BatchAccount(service.url, service.account_name, service.account_key)

    def _export(self, settings: dict[str, str]) -> None:
        """Puts the settings where the app reads them; takes them back when the stack stops."""
        before = {name: os.environ.get(name) for name in settings}
        self._running.callback(_restore, before)
        os.environ.update(settings)

    async def _start_host(self, folder: StateFolder, port: int) -> None:
        state, keys = folder.path / "functions", self._settings.require_keys
        host = Host(self._settings.app, port, state, keys, grace_s=_GRACE_SECONDS)
        await host.start()
        self._running.push_async_callback(host.close)
        self.host = host

    def _published(self) -> dict[str, str]:
        """The content of endpoints.json, which clients on this machine read."""
        known = self.endpoints
        published = {
            "functions": known.functions,
            "blobs": known.blobs,
            "queues": known.queues,
            "batch": known.batch,
            "data_storage": known.data_storage,
        }
        return published | ({"key": self.host.keys.default} if self._settings.require_keys else {})

    async def failure(self) -> None:
        """Waits for ever; raises when a part of the stack is beyond repair."""
        await asyncio.shield(self.azurite.failed)

    @property
    def abandoned(self) -> list[str]:
        """Functions that still run in threads after the stack was stopped; only the end of the process ends them."""
        return self.host.app.running if hasattr(self, "host") else []


def _restore(environment: dict[str, str | None]) -> None:
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
