"""Queue triggers: a queue message into a function."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime

from azure.storage.queue import QueueMessage
from azure_functions_runtime.bindings.datumdef import Datum

from local.functions_host.app import App, Function
from local.functions_host.connections import HOST_STORAGE, Connections
from local.functions_host.outputs import Outputs
from local.functions_host.queue_listener import QueueListener

ClientInputs = Callable[[Function], Mapping[str, Datum]]


def queue_trigger(
    app: App, function: Function, connections: Connections, outputs: Outputs, client_inputs: ClientInputs
) -> QueueListener:
    """A listener that runs `function` on each message. Raises ConnectionSettingError."""
    service = connections.queues(function.setting("connection", HOST_STORAGE))
    name = function.trigger["queueName"]

    async def handle(message: QueueMessage, content: bytes) -> None:
        inputs = {function.trigger["name"]: _body(content), **client_inputs(function)}
        result = await app.invoke(function, inputs, _metadata(message, content))
        await outputs.write(function, result, _binding_data(content))

    return QueueListener(
        service.get_queue_client(name), service.get_queue_client(f"{name}-poison"), app.host.queues, handle
    )


def _body(content: bytes) -> Datum:
    try:
        return Datum(content.decode(), "string")
    except UnicodeDecodeError:
        return Datum(content, "bytes")


def _metadata(message: QueueMessage, content: bytes) -> dict[str, Datum]:
    metadata = {
        "Id": Datum(message.id, "string"),
        "DequeueCount": Datum(message.dequeue_count, "int"),
        "PopReceipt": Datum(message.pop_receipt, "string"),
        "QueueTrigger": _body(content),
    }
    times: dict[str, datetime | None] = {
        "InsertionTime": message.inserted_on,
        "ExpirationTime": message.expires_on,
        "NextVisibleTime": message.next_visible_on,
    }
    return metadata | {key: Datum(when.isoformat(), "string") for key, when in times.items() if when is not None}


def _binding_data(content: bytes) -> dict[str, object]:
    """What `{name}` in an output's path may refer to: the message, and its members when it is a JSON object."""
    text = content.decode(errors="replace")
    try:
        members = json.loads(text)
    except ValueError:
        members = None
    return {**(members if isinstance(members, dict) else {}), "queueTrigger": text}
