"""The doors in this process, on real storage: only the Durable client is one that remembers what it was asked."""

import base64
import inspect
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from azure.functions.queue import QueueMessage
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from activities import storage
from activities.deadletter import QUEUES
from contracts import layout
from tests.azurite import Azurite

# Doors read their settings when they are imported, as in Azure.
os.environ.setdefault("BATCH_ENDPOINT", "http://127.0.0.1:1")

CONTAINERS = (layout.VIDEOS, layout.STYLES, layout.OUTPUTS, layout.JOBS, layout.MODELS, layout.DEADLETTER)


@pytest.fixture
def accounts(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[storage.Account]:
    """Both accounts on one Azurite, empty where these tests look; the system account."""
    monkeypatch.setenv("DATA_STORAGE", azurite.connection_string)
    monkeypatch.setenv("SYSTEM_STORAGE", azurite.connection_string)
    storage.data_account.cache_clear()
    storage.system_account.cache_clear()
    _empty(azurite)
    yield storage.system_account()
    storage.data_account.cache_clear()
    storage.system_account.cache_clear()


def _empty(azurite: Azurite) -> None:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        for name in CONTAINERS:
            container = blobs.get_container_client(name)
            if not container.exists():
                container.create_container()
            for blob in list(container.list_blob_names()):
                container.delete_blob(blob)
    with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
        present = {queue.name for queue in queues.list_queues()}
        for name in QUEUES:
            if name in present:
                queues.get_queue_client(name).clear_messages()
            else:
                queues.create_queue(name)


@dataclass
class RecordingClient:
    """Stands for the Durable client: states by instance id, and the events that were raised."""

    states: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, str, Any]] = field(default_factory=list)
    failure: Exception | None = None

    def raise_orchestration_event(self, instance_id: str, event_name: str, *, data: Any) -> None:
        if self.failure:
            raise self.failure
        self.events.append((instance_id, event_name, data))

    def get_orchestration_state(self, instance_id: str, *, fetch_payloads: bool = True) -> Any:
        return self.states.get(instance_id)


@pytest.fixture
def client() -> RecordingClient:
    return RecordingClient()


def function(builder: Any) -> Callable[..., Any]:
    """The function that was decorated, without the converter of its Durable client."""
    return inspect.unwrap(builder._function.get_user_function())


def queue_message(body: bytes | str, *, raw: bool = False, dequeue_count: int = 1) -> QueueMessage:
    """As the host hands it over: text of the queue, which is base64 of `body` unless `raw`."""
    content = body.encode() if isinstance(body, str) else body
    text = content if raw else base64.b64encode(content)
    return QueueMessage(id=str(uuid.uuid4()), body=text, dequeue_count=dequeue_count)
