"""The host: one app folder, served and triggered.

    host = Host("path/to/app", port=7071, state_dir=".local/functions")
    await host.start()
    ...
    await host.close()

Settings come from the environment, which the caller fills before `start`, then from local.settings.json.
"""

import asyncio
import contextlib
import functools
import hashlib
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from local.functions_host.app import App, Function, load_app
from local.functions_host.blob_events import BlobEvents
from local.functions_host.blob_trigger import BlobTrigger
from local.functions_host.connections import HOST_STORAGE, Connections
from local.functions_host.dispatcher import Dispatcher, client_config
from local.functions_host.errors import AppLoadError, ConnectionSettingError, HostFileError
from local.functions_host.http_front import Doors, HttpFront
from local.functions_host.keys import Keys, load_keys
from local.functions_host.management import Management
from local.functions_host.outputs import Outputs
from local.functions_host.persistence import TaskHubStore
from local.functions_host.queue_listener import QueueListener
from local.functions_host.queue_trigger import queue_trigger
from local.functions_host.retention import Retention
from local.functions_host.task_hub import TaskHub

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
GRACE_S = 30.0


class Host:
    """Runs the functions of one app folder on the running event loop.

    `port` 0 takes a free one; `url` says which after `start`. `state_dir` holds the task hub and the keys: a host
    started on it later goes on where this one stopped. `app` and `keys` are there after `start`.
    """

    url: str
    app: App
    keys: Keys

    def __init__(
        self,
        root: str | Path,
        port: int,
        state_dir: str | Path,
        require_keys: bool = False,
        *,
        retention: Retention | None = None,
        grace_s: float = GRACE_S,
    ) -> None:
        self._root = Path(root)
        self._port = port
        self._state_dir = Path(state_dir)
        self._require_keys = require_keys
        self._retention = retention
        self._grace_s = grace_s
        self._stop = asyncio.Event()
        self._listening: list[asyncio.Task[None]] = []
        self._drains: list[Callable[[], Awaitable[None]]] = []
        self._resources = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Load the app, take up the stored state, serve HTTP, listen to storage.

        Raises AppLoadError, HostFileError or ConnectionSettingError; nothing is left running then.
        """
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise

    async def _start(self) -> None:
        self.app = load_app(self._root)
        self._make_state_dir()
        self.keys = load_keys(self._state_dir / "keys.json")
        connections = Connections()
        self._resources.push_async_callback(connections.close)
        self._check_connections(connections)
        hub = TaskHub(TaskHubStore(self._state_dir / "taskhub.db"), self._retention)
        self._resources.push_async_callback(asyncio.to_thread, hub.stop)
        rpc_address = hub.start()

        site = _Site(ADDRESS, self._port, self._grace_s)
        self._drains.append(site.close)
        self.url = site.url
        config = client_config(
            self.app.host.durable.hub_name, f"http://{rpc_address}", self.url, self.keys.durable_task
        )
        management = Management(config)
        self._resources.push_async_callback(management.close)
        dispatcher = Dispatcher(self.app, hub, config)
        outputs = Outputs(connections, self.app.host.queues.base64)
        queues, blobs = self._triggers(connections, outputs, dispatcher)
        doors = Doors(management, BlobEvents(blobs))
        front = HttpFront(self.app, outputs, dispatcher.client_inputs, doors, self.keys, self._require_keys)

        self._drains = [site.close, functools.partial(dispatcher.close, self._grace_s)]
        dispatcher.start()
        await site.serve(front.application())
        self._listening = [
            asyncio.create_task(one.run(self._stop, self._grace_s)) for one in (*queues, *blobs.values())
        ]
        for task in self._listening:
            task.add_done_callback(_report_crash)
        log.info("%d functions of %s at %s", len(self.app.functions), self.app.root, self.url)

    async def close(self) -> None:
        """Stop pulling work, let what runs finish within the grace, save, release everything. Idempotent."""
        self._stop.set()
        # A listener may hang in a call to a storage that is already gone: a little more than its grace, then no more.
        listening = [asyncio.wait_for(one, self._grace_s + 5) for one in self._listening]
        drains, self._drains, self._listening = [*listening, *(one() for one in self._drains)], [], []
        for outcome in await asyncio.gather(*drains, return_exceptions=True):
            if isinstance(outcome, TimeoutError):
                log.warning("a storage listener hung in a call and was ended; is the storage gone?")
            elif isinstance(outcome, BaseException):
                log.error("a part of the host did not stop cleanly", exc_info=outcome)
        await self._resources.aclose()

    def _make_state_dir(self) -> None:
        try:
            self._state_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostFileError(f"{self._state_dir}: cannot be made: {error.strerror}; name another folder") from error

    def _check_connections(self, connections: Connections) -> None:
        for function in self.app.functions.values():
            for binding in function.bindings:
                service = {"queueTrigger": "queue", "queue": "queue", "blobTrigger": "blob", "blob": "blob"}.get(
                    binding["type"]
                )
                if service is not None:
                    self._check_connection(connections, function, binding.get("connection") or HOST_STORAGE, service)
            if function.trigger["type"] == "blobTrigger":  # receipts and internal queues
                self._check_connection(connections, function, HOST_STORAGE, "blob")
                self._check_connection(connections, function, HOST_STORAGE, "queue")

    def _check_connection(self, connections: Connections, function: Function, name: str, service: str) -> None:
        try:
            connections.check(name, service)
        except ConnectionSettingError as error:
            raise ConnectionSettingError(f"{self.app.root}: function {function.name!r}: {error}") from error

    def _triggers(
        self, connections: Connections, outputs: Outputs, dispatcher: Dispatcher
    ) -> tuple[list[QueueListener], dict[str, BlobTrigger]]:
        """Listeners to queues, and blob triggers by their functions' names."""
        # Receipts belong to the app folder: a host started on it again announces nothing twice.
        host_id = "local" + hashlib.sha256(str(self.app.root).encode()).hexdigest()[:8]
        clients = dispatcher.client_inputs
        queues = [
            queue_trigger(self.app, one, connections, outputs, clients) for one in self.app.triggered_by("queueTrigger")
        ]
        blobs = {
            one.name: BlobTrigger(self.app, one, connections, outputs, clients, host_id)
            for one in self.app.triggered_by("blobTrigger")
        }
        return queues, blobs


class _Site:
    """The listening socket, bound before the app is served so that its URL is known to the durable client."""

    def __init__(self, address: str, port: int, grace_s: float) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((address, port))
        except OSError as error:
            self._socket.close()
            raise AppLoadError(f"port {port} on {address}: {error.strerror}; choose another port") from error
        self.url = f"http://{address}:{self._socket.getsockname()[1]}"
        self._grace_s = grace_s
        self._runner: web.AppRunner | None = None

    async def serve(self, application: web.Application) -> None:
        """Start answering."""
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=self._grace_s)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def close(self) -> None:
        """Stop accepting, let running requests finish within the grace."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()


def _report_crash(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("a storage listener died", exc_info=error)
