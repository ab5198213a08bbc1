"""The local stack: Azurite, the Batch service and the Functions host, started and stopped together."""

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from local.app_settings import WARMTH, BatchAccount, PoolSize, app_settings, identity_settings, node_environment
from local.azurite import Azurite, AzuriteSettings, end_left_over, find_azurite
from local.batch_service import BatchService, NodeImage, PoolSettings
from local.functions_host.host import Host
from local.identity_access import CLIENT_ID, IdentityAccess
from local.identity_access import PORTS as IDENTITY_PORTS
from local.infrastructure import ACCOUNTS, deploy
from local.ports import choose_ports
from local.state_folder import StateFolder

REPOSITORY = Path(__file__).resolve().parent.parent
_USUAL_PORTS = {"functions": 7071, "blob": 10000, "queue": 10001, "table": 10002, "batch": 10100}
_GRACE_SECONDS = 10.0  # what running functions get when the stack stops; unfinished activities run again


@dataclass(frozen=True)
class StackSettings:
    """`port` is the Functions host's; None: 7071 or a free one; 0: free ones for everything, on the first run.

    `cold_nodes` start every task's Python from nothing, as Azure does. With `identity` the app holds no key, as in
    Azure, and comes to storage and Batch with a managed identity. `extra` are app settings that win over the stack's.
    """

    app: Path = REPOSITORY
    state: Path = Path(".local")
    pool: PoolSize = field(default_factory=PoolSize)
    port: int | None = None
    require_keys: bool = False
    cold_nodes: bool = False
    identity: bool = False
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoints:
    """Where the running stack answers; `data_storage` is a connection string, or an account's URL for an identity."""

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
        self._identity: IdentityAccess | None = None

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
        if self._settings.identity:
            self._identity = IdentityAccess(
                folder, self._settings.extra.get("AZURE_CLIENT_ID", CLIENT_ID), self._running
            )
            self._export(self._identity.trust)
        ports = self._choose_ports(folder)
        await self._start_azurite(program, folder, ports)
        batch = await self._start_batch(folder, ports["batch"])
        telemetry = {"TELEMETRY_FOLDER": str(folder.path / "telemetry")}
        self._export(self._app_settings(batch) | telemetry | self._settings.extra)
        await self._start_host(folder, ports["functions"])
        self.endpoints = self._endpoints(batch)
        folder.write(folder.endpoints.name, self._published())

    def _app_settings(self, batch: BatchAccount) -> dict[str, str]:
        if self._identity is None:
            return app_settings(self.azurite.settings, batch, self._settings.pool)
        access, pool = self._identity, self._settings.pool
        return identity_settings(access.services, batch, pool, access.client_id) | access.environment

    def _endpoints(self, batch: BatchAccount) -> Endpoints:
        azurite, access = self.azurite.settings, self._identity
        return Endpoints(
            functions=self.host.url,
            blobs=azurite.url("blob"),
            queues=access.services["queue"] if access else azurite.url("queue"),
            batch=batch.url,
            data_storage=f"{azurite.url('blob')}/data" if access else azurite.connection_string("data"),
        )

    def _choose_ports(self, folder: StateFolder) -> dict[str, int]:
        port = self._settings.port
        wanted = _USUAL_PORTS | (IDENTITY_PORTS if self._identity else {})
        usual = dict.fromkeys(wanted, 0) if port == 0 else wanted
        required = {"functions": port} if port else {}
        remembered = folder.read("ports.json")
        ports = choose_ports(usual, remembered, required)
        folder.write("ports.json", remembered | ports)
        return ports

    async def _start_azurite(self, program: Path, folder: StateFolder, ports: dict[str, int]) -> None:
        keys = folder.account_keys(ACCOUNTS)
        log = folder.logs / "azurite.log"
        access = self._identity
        own = ports | ({"queue": ports["azurite-queue"]} if access else {})
        certificate = access.certificate if access else None
        settings = AzuriteSettings(program, folder.path / "azurite", log, own, keys, certificate)
        self.azurite = Azurite(settings)
        await self.azurite.start()
        self._running.push_async_callback(self.azurite.close)
        strings = {account: settings.connection_string(account) for account in ACCOUNTS}
        await deploy(strings, certificate.path if certificate else None)
        if access:
            await access.start(settings, ports)

    async def _start_batch(self, folder: StateFolder, port: int) -> BatchAccount:
        pool = self._settings.pool
        environment = node_environment(self._settings.app.resolve(), Path(sys.executable), pool, folder.path)
        # Whatever image the settings name, what local nodes hold is this machine's environment.
        named = self._settings.extra.get("BATCH_CONTAINER_IMAGE")
        containers: dict[str, tuple[str, ...]] = {named: ()} if named else {}
        image = NodeImage(environment, containers, warmth=None if self._settings.cold_nodes else WARMTH)
        deployed = PoolSettings(pool.id, pool.nodes, pool.slots_per_node)
        service = BatchService(
            folder.path / "batch",
            port=port,
            pools=(deployed,),
            image=image,
            mode="AAD" if self._identity else "SharedKey",
            tls=self._identity.certificate.server_context() if self._identity else None,
        )
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
