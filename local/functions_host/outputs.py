"""Queue and blob outputs: what a function set on its `Out` parameters, written after it returned."""

import base64
import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue.aio import QueueClient
from azure_functions_runtime.bindings.datumdef import Datum

from local.functions_host.app import Function, Result
from local.functions_host.connections import HOST_STORAGE, Connections

_PARAMETER = re.compile(r"\{([\w.-]+)\}")


def fill(template: str, data: Mapping[str, object]) -> str:
    """`template` with each `{name}` replaced by the trigger's value for it.

    Raises ValueError naming the parameter that the trigger does not provide.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in data:
            raise ValueError(f"{template!r}: the trigger provides no {match[1]!r}; it provides {sorted(data)}")
        return str(data[match[1]])

    return _PARAMETER.sub(value, template)


async def send_creating(queue: QueueClient, content: str) -> None:
    """Put a message, making the queue if it is not there."""
    try:
        await queue.send_message(content)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):  # somebody else made it meanwhile
            await queue.create_queue()
        await queue.send_message(content)


class Outputs:
    """Writes output bindings; `base64_messages` as host.json's messageEncoding says."""

    def __init__(self, connections: Connections, base64_messages: bool) -> None:
        self._connections = connections
        self._base64 = base64_messages

    async def write(self, function: Function, result: Result, data: Mapping[str, object]) -> None:
        """Write all outputs of one invocation; `data` fills the `{name}` of paths and queue names."""
        for binding in function.bindings:
            value = result.returned if binding["name"] == "$return" else result.outputs.get(binding["name"])
            if value is None or value.value is None:
                continue
            if binding["type"] == "queue":
                await self._put_messages(binding, value, data)
            elif binding["type"] == "blob":
                await self._put_blob(binding, value, data)

    async def _put_messages(self, binding: dict[str, Any], value: Datum, data: Mapping[str, object]) -> None:
        service = self._connections.queues(binding.get("connection") or HOST_STORAGE)
        queue = service.get_queue_client(fill(binding["queueName"], data))
        for message in _messages(value):
            await send_creating(queue, self.encode(message))

    async def _put_blob(self, binding: dict[str, Any], value: Datum, data: Mapping[str, object]) -> None:
        container_name, _, name = fill(binding["path"], data).partition("/")
        service = self._connections.blobs(binding.get("connection") or HOST_STORAGE)
        container = service.get_container_client(container_name)
        body = value.value.encode() if isinstance(value.value, str) else value.value
        try:
            await container.upload_blob(name, body, overwrite=True)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):
                await container.create_container()
            await container.upload_blob(name, body, overwrite=True)

    def encode(self, message: bytes) -> str:
        """A message as it lies in the queue."""
        return base64.b64encode(message).decode() if self._base64 else message.decode()


def _messages(value: Datum) -> list[bytes]:
    """A queue output as messages: a text or bytes is one, a list one each, a QueueMessage its body."""
    if value.type != "json":
        return [value.value.encode() if isinstance(value.value, str) else bytes(value.value)]
    content = json.loads(value.value)
    return [_body(one).encode() for one in (content if isinstance(content, list) else [content])]


def _body(message: object) -> str:
    if isinstance(message, dict) and "body" in message:
        return str(message["body"])
    return message if isinstance(message, str) else json.dumps(message)
