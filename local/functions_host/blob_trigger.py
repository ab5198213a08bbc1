"""Blob triggers, by polling: scan, receipt, internal queue, function; or by Event Grid's word instead of the scan.

Each new version (etag) of a matching blob is noted by a receipt blob in `azure-webjobs-hosts`, then announced on an
internal queue whose listener runs the function, so retries and the poison queue (`webjobs-blobtrigger-poison`) are the
queue's. The shape, and the names in storage, are the real host's. A host that dies between receipt and message
announces again: at least once.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobClient
from azure.storage.queue import QueueMessage
from azure_functions_runtime.bindings.datumdef import Datum

from local.functions_host.app import App, Function
from local.functions_host.blob_path import BlobPath
from local.functions_host.connections import HOST_STORAGE, Connections
from local.functions_host.outputs import Outputs, send_creating
from local.functions_host.queue_listener import QueueListener
from local.functions_host.queue_trigger import ClientInputs
from local.functions_host.redaction import redact

log = logging.getLogger(__name__)

HOSTS_CONTAINER = "azure-webjobs-hosts"
POISON_QUEUE = "webjobs-blobtrigger-poison"
POLL_S = 1.0


@dataclass(frozen=True)
class ModelBindingData:
    """What a deferred binding is made from, in place of the content: where the blob is."""

    content: bytes
    version: str = "1.0"
    source: str = "AzureStorageBlobs"
    content_type: str = "application/json"


class Receipts:
    """Which blob versions one function has been told of: one empty blob each, `.../<etag>/<container>/<name>`."""

    def __init__(self, connections: Connections, host_id: str, function: str, container: str) -> None:
        self._container = connections.blobs(HOST_STORAGE).get_container_client(HOSTS_CONTAINER)
        self._prefix = f"blobreceipts/{host_id}/Host.Functions.{function}/"
        self._watched = container

    async def load(self) -> dict[str, str]:
        """Blob name -> etag of the versions announced by earlier hosts."""
        with contextlib.suppress(ResourceExistsError):
            await self._container.create_container()
        told: dict[str, str] = {}
        async for receipt in self._container.list_blobs(name_starts_with=self._prefix, include=["metadata"]):
            if (receipt.metadata or {}).get("state") == "done":
                etag, _, name = receipt.name[len(self._prefix) :].split("/", 2)
                told[name] = etag
        return told

    def _receipt(self, name: str, etag: str) -> BlobClient:
        return self._container.get_blob_client(f"{self._prefix}{etag}/{self._watched}/{name}")

    async def claim(self, name: str, etag: str) -> bool:
        """Whether this version is still to be announced."""
        receipt = self._receipt(name, etag)
        try:
            await receipt.upload_blob(b"", metadata={"state": "new"})
        except ResourceExistsError:
            properties = await receipt.get_blob_properties()
            return properties.metadata.get("state") != "done"
        return True

    async def settle(self, name: str, etag: str) -> None:
        """This version has been announced."""
        await self._receipt(name, etag).upload_blob(b"", overwrite=True, metadata={"state": "done"})


class BlobTrigger:
    """Watches one container for one function; or `hear`s of its blobs, where the source is EventGrid."""

    def __init__(
        self,
        app: App,
        function: Function,
        connections: Connections,
        outputs: Outputs,
        client_inputs: ClientInputs,
        host_id: str,
    ) -> None:
        self._app, self._function = app, function
        self._outputs, self._client_inputs = outputs, client_inputs
        self._path = BlobPath(function.trigger["path"])
        self.hears_events = function.trigger.get("source") == "EventGrid"
        self._missing = False
        self._connection = function.setting("connection", HOST_STORAGE)
        self._container = connections.blobs(self._connection).get_container_client(self._path.container)
        self._receipts = Receipts(connections, host_id, function.name, self._path.container)
        queues = connections.queues(HOST_STORAGE)
        self._queue = queues.get_queue_client(_internal_queue(host_id, function.name))
        self._listener = QueueListener(
            self._queue, queues.get_queue_client(POISON_QUEUE), app.host.queues, self._handle
        )

    async def run(self, stop: asyncio.Event, grace_s: float = 30.0) -> None:
        """Watch until `stop`."""
        told: dict[str, str] | None = None
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                try:
                    if told is None:
                        told = await self._prepare()
                        group.create_task(self._listener.run(stop, grace_s))
                    if not self.hears_events:
                        await self._scan(told)
                    self._missing = False
                except ResourceNotFoundError:
                    if not self._missing:
                        log.warning("container %s does not exist yet; waiting for it", self._path.container)
                    self._missing = True
                except AzureError as error:
                    log.warning("container %s cannot be scanned: %s", self._path.container, redact(str(error)))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), POLL_S)

    async def hear(self, path: str, etag: str) -> None:
        """A blob at `path` of its account is new; announced each time, as Event Grid delivers at least once."""
        name = path.partition(f"/{self._path.container}/")[2]
        if name and self._path.match(name) is not None:
            await send_creating(self._queue, self._outputs.encode(self._announcement(name, etag)))

    async def _prepare(self) -> dict[str, str]:
        with contextlib.suppress(ResourceExistsError):
            await self._queue.create_queue()
        return await self._receipts.load()

    async def _scan(self, told: dict[str, str]) -> None:
        async for blob in self._container.list_blobs():
            etag = str(blob.etag).strip('"')
            if told.get(blob.name) == etag or self._path.match(blob.name) is None:
                continue
            try:
                await self._announce(blob.name, etag)
            except HttpResponseError as error:
                if error.status_code not in (400, 403):
                    raise
                # A name that storage does not take for the receipt ("a/../b", or too long with the receipt's own part)
                # must not keep every other blob from its function.
                log.error("blob %r is not announced: storage answers %s", blob.name, error.status_code)
            told[blob.name] = etag

    async def _announce(self, name: str, etag: str) -> None:
        if await self._receipts.claim(name, etag):
            await send_creating(self._queue, self._outputs.encode(self._announcement(name, etag)))
            await self._receipts.settle(name, etag)

    def _announcement(self, name: str, etag: str) -> bytes:
        message = {
            "Type": "BlobTrigger",
            "FunctionId": f"Host.Functions.{self._function.name}",
            "BlobType": "BlockBlob",
            "ContainerName": self._path.container,
            "BlobName": name,
            "ETag": f'"{etag}"',
        }
        return json.dumps(message).encode()

    async def _handle(self, message: QueueMessage, content: bytes) -> None:
        announced = json.loads(content)
        name = announced["BlobName"]
        blob = self._container.get_blob_client(name)
        try:
            properties = await blob.get_blob_properties()
        except ResourceNotFoundError:
            return  # deleted since
        if str(properties.etag).strip('"') != announced["ETag"].strip('"'):
            return  # overwritten since: the newer version has its own announcement
        parameters = self._path.match(name) or {}
        inputs = {self._function.trigger["name"]: await self._input(blob), **self._client_inputs(self._function)}
        metadata = self._metadata(blob, properties, parameters)
        result = await self._app.invoke(self._function, inputs, metadata)
        await self._outputs.write(self._function, result, parameters)

    async def _input(self, blob: BlobClient) -> Datum:
        if self._function.trigger["name"] in self._function.deferred_inputs:
            where = {
                "Connection": self._connection,
                "ContainerName": self._path.container,
                "BlobName": blob.blob_name,
            }
            return Datum(ModelBindingData(json.dumps(where).encode()), "model_binding_data")
        return Datum(await (await blob.download_blob()).readall(), "bytes")

    def _metadata(
        self, blob: BlobClient, properties: BlobProperties, parameters: Mapping[str, str]
    ) -> dict[str, Datum]:
        known = {
            "ContentLength": properties.size,
            "ETag": properties.etag,
            "LastModified": properties.last_modified.isoformat(),
        }
        return {
            "BlobTrigger": Datum(f"{self._path.container}/{blob.blob_name}", "string"),
            "Uri": Datum(json.dumps(blob.primary_endpoint.partition("?")[0]), "json"),
            "Properties": Datum(json.dumps(known), "json"),
            "Metadata": Datum(json.dumps(properties.metadata or {}), "json"),
        } | {name: Datum(value, "string") for name, value in parameters.items()}


def _internal_queue(host_id: str, function: str) -> str:
    """A queue per function. Queue names: at most 63 of a-z, 0-9 and -, so the function goes in as a hash."""
    return f"azure-webjobs-blobtrigger-{host_id}-{hashlib.sha256(function.encode()).hexdigest()[:12]}"
