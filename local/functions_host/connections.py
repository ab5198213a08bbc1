"""Storage connections by Azure's convention, and the clients made from them.

A binding names a connection `X`. Either setting `X` (or `AzureWebJobsX`) holds a connection string, or
`X__blobServiceUri` / `X__queueServiceUri` (or `X__serviceUri`) hold endpoints reached with an identity: the managed one
that `X__clientId` names where `X__credential` is `managedidentity`, else whatever DefaultAzureCredential finds.
"""

import os
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from local.functions_host.errors import ConnectionSettingError

HOST_STORAGE = "AzureWebJobsStorage"
# The emulator's published account and key: https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
_DEVELOPMENT = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)
# The SDK waits 15, 18 and 24 s between tries by default: too long where the storage is on the same machine.
_RETRY: dict[str, Any] = {"initial_backoff": 1, "increment_base": 2}


def connection_string(name: str, settings: Mapping[str, str]) -> str | None:
    """The connection string setting `name` holds, `UseDevelopmentStorage=true` expanded; None when it has none."""
    value = settings.get(name) or settings.get("AzureWebJobs" + name)
    if value and value.strip().rstrip(";").lower() == "usedevelopmentstorage=true":
        return _DEVELOPMENT
    return value or None


def service_uri(name: str, service: str, settings: Mapping[str, str]) -> str | None:
    """The endpoint of `service` (`blob` or `queue`) in the identity-based form of connection `name`, if it has one."""
    for suffix in (f"{service}ServiceUri", "serviceUri"):
        for prefix in (name, "AzureWebJobs" + name):
            if uri := settings.get(f"{prefix}__{suffix}"):
                return uri
    return None


def _missing(name: str, service: str) -> ConnectionSettingError:
    return ConnectionSettingError(
        f"connection {name!r}: no setting defines it; set {name} to a connection string, "
        f"or {name}__{service}ServiceUri to the endpoint of a {service} service"
    )


class Connections:
    """Asynchronous storage clients, one per connection and service, opened on first use and closed together."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = os.environ if settings is None else settings
        self._blobs: dict[str, BlobServiceClient] = {}
        self._queues: dict[str, QueueServiceClient] = {}
        self._credentials: dict[tuple[str, str | None], AsyncTokenCredential] = {}

    def check(self, name: str, service: str) -> None:
        """Raise ConnectionSettingError unless `name` has a usable setting for `service` (`blob` or `queue`)."""
        if connection_string(name, self._settings) is None and service_uri(name, service, self._settings) is None:
            raise _missing(name, service)

    def blobs(self, name: str) -> BlobServiceClient:
        """The blob service behind connection `name`."""
        if name not in self._blobs:
            if text := connection_string(name, self._settings):
                self._blobs[name] = BlobServiceClient.from_connection_string(text, **_options(text))
            elif uri := service_uri(name, "blob", self._settings):
                self._blobs[name] = BlobServiceClient(uri, credential=self._identity(name), **_options(uri))
            else:
                raise _missing(name, "blob")
        return self._blobs[name]

    def queues(self, name: str) -> QueueServiceClient:
        """The queue service behind connection `name`."""
        if name not in self._queues:
            if text := connection_string(name, self._settings):
                self._queues[name] = QueueServiceClient.from_connection_string(text, **_options(text))
            elif uri := service_uri(name, "queue", self._settings):
                self._queues[name] = QueueServiceClient(uri, credential=self._identity(name), **_options(uri))
            else:
                raise _missing(name, "queue")
        return self._queues[name]

    def _identity(self, name: str) -> AsyncTokenCredential:
        """The credential of connection `name`; connections of one identity share it, and so its tokens."""
        kind = self._settings.get(f"{name}__credential", "").lower()
        client_id = self._settings.get(f"{name}__clientId")
        if kind not in ("", "managedidentity"):
            raise ConnectionSettingError(
                f"connection {name!r}: {name}__credential is {kind!r}; this host knows managedidentity"
            )
        known = (kind, client_id)
        if known not in self._credentials:
            self._credentials[known] = (
                ManagedIdentityCredential(client_id=client_id) if kind else DefaultAzureCredential()
            )
        return self._credentials[known]

    async def close(self) -> None:
        """Close every client."""
        for one in (*self._blobs.values(), *self._queues.values(), *self._credentials.values()):
            await one.close()


def _options(address: str) -> dict[str, Any]:
    """SSL_CERT_FILE names whom OpenSSL trusts. aiohttp would not see it where it was set after its import.

    The session has the certificates, read once. As `connection_verify` they would be read for each request: 20 ms of
    processor time, also where nothing but empty queues is asked for.
    """
    trusted = os.environ.get("SSL_CERT_FILE") if "https" in address.lower() else None
    if not trusted:
        return _RETRY
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=trusted))
    # As the SDK makes its own: bodies and cookies are its business.
    session = aiohttp.ClientSession(connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
    return _RETRY | {"transport": AioHttpTransport(session=session)}
