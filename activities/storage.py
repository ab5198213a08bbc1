"""The two storage accounts: clients, JSON blobs and SAS URLs.

An account is reached by Azure's connection convention: `<NAME>` is a connection string, or `<NAME>__blobServiceUri` and
`<NAME>__queueServiceUri` are addresses that an identity may use (activities/identity.py).
"""

import os
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from itertools import batched
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobLeaseClient, BlobProperties, BlobServiceClient, ContainerClient, ContentSettings
from azure.storage.queue import QueueServiceClient, TextBase64EncodePolicy

from activities import sas
from activities.identity import credential
from activities.transport import transport
from contracts.model import Contract
from contracts.settings import SettingsError

# A job may leave thousands of small blobs, and each delete is all latency. Storage takes so many in one request.
DELETE_BATCH = 256
ACCEPTED = 202  # what storage answers to a delete
JSON = ContentSettings(content_type="application/json")


class Account:
    """One storage account. Thread-safe, as the SDK's clients are."""

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self.name, self._environ = name, environ

    @cached_property
    def blobs(self) -> BlobServiceClient:
        return _service(BlobServiceClient, self.name, "blobServiceUri", self._environ)

    @cached_property
    def queues(self) -> QueueServiceClient:
        return _service(QueueServiceClient, self.name, "queueServiceUri", self._environ)

    @cached_property
    def _blob_signer(self) -> sas.Signer:
        return sas.blob_signer(self.blobs)

    @cached_property
    def _queue_signer(self) -> sas.Signer:
        return sas.queue_signer(self.queues)

    def container(self, container: str) -> ContainerClient:
        return self.blobs.get_container_client(container)

    def read_json[T: Contract](self, container: str, blob: str, model: type[T]) -> T:
        """The blob as `model`.

        Raises:
            azure.core.exceptions.ResourceNotFoundError: no such blob.
        """
        return model.model_validate_json(self.container(container).download_blob(blob).readall())

    def find_json[T: Contract](self, container: str, blob: str, model: type[T]) -> T | None:
        """The blob as `model`, or None where it does not exist."""
        try:
            return self.read_json(container, blob, model)
        except ResourceNotFoundError:
            return None

    def write_json(self, container: str, blob: str, value: Contract, metadata: dict[str, str] | None = None) -> None:
        self.write_text(container, blob, value.to_json(), metadata)

    def write_text(self, container: str, blob: str, text: str, metadata: dict[str, str] | None = None) -> None:
        self.container(container).upload_blob(
            blob, text.encode(), overwrite=True, content_settings=JSON, metadata=metadata
        )

    def find_properties(self, container: str, blob: str) -> BlobProperties | None:
        """The blob's properties, or None where it does not exist."""
        try:
            return self.container(container).get_blob_client(blob).get_blob_properties()
        except ResourceNotFoundError:
            return None

    def exists(self, container: str, blob: str) -> bool:
        return self.container(container).get_blob_client(blob).exists()

    def delete_prefix(self, container: str, prefix: str) -> int:
        """Delete every blob under `prefix`, leased ones too; the number deleted."""
        client = self.container(container)
        names = list(client.list_blob_names(name_starts_with=prefix))
        return sum(_delete_all(client, batch) for batch in batched(names, DELETE_BATCH, strict=False))

    def blob_sas_url(self, container: str, blob: str, permission: str, hours: float) -> str:
        return sas.blob_sas_url(self.blobs, self._blob_signer, container, blob, permission, hours)

    def queue_sas_url(self, queue: str, permission: str, hours: float) -> str:
        return sas.queue_sas_url(self.queues, self._queue_signer, queue, permission, hours)

    def send(self, queue: str, message: Contract) -> None:
        """Send `message` as base64 text, which is what the Functions host expects; it never expires."""
        client = self.queues.get_queue_client(queue, message_encode_policy=TextBase64EncodePolicy())
        client.send_message(message.to_json(), time_to_live=-1)


def _delete_all(container: ContainerClient, names: Sequence[str]) -> int:
    """The number deleted. What the batch could not delete is tried by itself, which raises what is wrong with it."""
    answers = container.delete_blobs(*names, raise_on_any_failure=False)
    deleted = [answer.status_code == ACCEPTED for answer in answers]
    others = [name for name, is_deleted in zip(names, deleted, strict=True) if not is_deleted]
    return sum(deleted) + sum(_delete(container, name) for name in others)


def _delete(container: ContainerClient, name: str) -> bool:
    """Whether this call deleted the blob."""
    blob = container.get_blob_client(name)
    try:
        blob.delete_blob()
    except ResourceNotFoundError:
        return False  # another clean-up was faster: the blob is gone, as wished
    except HttpResponseError as error:
        if getattr(error, "error_code", None) != "LeaseIdMissing":
            raise
        # Whoever may write a blob may lease it: a node, for one. It shall not keep us from cleaning up.
        BlobLeaseClient(blob).break_lease(lease_break_period=0)
        return _delete(container, name)
    return True


@cache
def data_account() -> Account:
    """The account users may reach: videos, styles, outputs."""
    return Account("DATA_STORAGE", os.environ)


@cache
def system_account() -> Account:
    """The account only the system reaches: jobs, models, logs, dead letters, queues."""
    return Account("SYSTEM_STORAGE", os.environ)


def _service(kind: Any, name: str, uri_key: str, environ: Mapping[str, str]) -> Any:
    if connection := environ.get(name):
        return kind.from_connection_string(connection, transport=transport())
    setting = f"{name}__{uri_key}"
    uri = environ.get(setting)
    if not uri:
        raise SettingsError(f"{name} is not set; give a connection string, or {setting} to use the app's identity")
    if not uri.startswith("https://"):
        raise SettingsError(f"{setting} is {uri!r}; an identity's token goes over https:// alone")
    service = kind(uri, credential=credential(name, environ), transport=transport())
    if not service.account_name:  # every SAS is signed for an account's name, which no other host name tells
        raise SettingsError(f"{setting} is {uri!r}; give the account's own address, https://<account>.blob.core...")
    return service
