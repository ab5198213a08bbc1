"""The Batch service as its embedder sees it: a state folder in, a URL and a key out."""

import base64
import os
import secrets
import ssl
from pathlib import Path

from aiohttp import web

from local.batch_service.authentication import Mode
from local.batch_service.engine import Engine, EngineSettings, PoolSettings, Simulation
from local.batch_service.runner import NodeImage
from local.batch_service.server import build_app

ACCOUNT_NAME = "local"
_SHUTDOWN_SECONDS = 1.0  # how long open requests may go on once the service closes


class BatchService:
    """Azure Batch on the loopback interface.

    `state` is the folder that survives restarts; `port` 0 takes a free one; `pools` are there from the start, as a
    deployment would make them; `image` is what tasks find on a node; `mode` is how callers authenticate: with the
    account's key, or with tokens, which clients send over HTTPS (`tls`) alone.
    `start` raises StateError when the folder is in use or of another version, OSError when the port is taken.
    """

    def __init__(
        self,
        state: Path,
        *,
        port: int = 0,
        pools: tuple[PoolSettings, ...] = (),
        image: NodeImage | None = None,
        simulation: Simulation | None = None,
        mode: Mode = "SharedKey",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self._settings = EngineSettings(state, ACCOUNT_NAME, pools, image or NodeImage(), simulation or Simulation())
        self._port, self._tls = port, tls
        self._mode: Mode = mode
        self._engine: Engine | None = None
        self._runner: web.AppRunner | None = None
        self.account_name = ACCOUNT_NAME
        self.account_key = _account_key(state / "account.key")

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the Batch service is not started")
        return self._engine

    @property
    def url(self) -> str:
        return self.engine.url

    async def start(self) -> None:
        self._engine = engine = Engine(self._settings)
        self._runner = web.AppRunner(
            build_app(engine, self.account_key, self._mode), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        try:
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls)
            await site.start()
        except BaseException:
            await self.close()
            raise
        host, port = self._runner.addresses[0][:2]
        engine.start(f"{'https' if self._tls else 'http'}://{host}:{port}")

    async def close(self) -> None:
        """Running tasks are killed and requeued for the next start."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._engine is not None:
            await self._engine.close()
            self._engine = None


def _account_key(path: Path) -> str:
    """The account's key: made once per state folder, readable by its owner only."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(base64.b64encode(secrets.token_bytes(64)).decode())
    return path.read_text()
