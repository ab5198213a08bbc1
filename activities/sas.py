"""Shared access signatures: what a GPU task is given instead of keys.

On an account reached with a key (the local stack) the key signs; on one reached with an identity (Azure) a
user-delegation key signs, so that no account key exists at all.

Each names one blob or one queue, its permissions and its end. A blob's name is part of what is signed, so the SAS fits
no other blob; where storage speaks HTTPS, the SAS is valid over nothing else.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas
from azure.storage.queue import QueueSasPermissions, QueueServiceClient, generate_queue_sas

# A node's clock may be behind ours; Azure's own advice is 15 minutes.
CLOCK_SKEW = timedelta(minutes=15)
# Azure hands out user-delegation keys for at most 7 days, and a SAS ends with its key at the latest:
# https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key
LONGEST_KEY = timedelta(days=7)
# A key serves for so long before the next is asked for. It bounds, too, how long a key is used that someone revoked.
KEY_IN_USE = timedelta(days=1)


class Signer(Protocol):
    """Gives `generate_*_sas` what it signs with, for a SAS that ends at `expiry`."""

    def __call__(self, expiry: datetime) -> dict[str, Any]: ...


class KeySigner:
    """Signs with the account key."""

    def __init__(self, account_name: str, account_key: str) -> None:
        self._arguments = {"account_name": account_name, "account_key": account_key}

    def __call__(self, expiry: datetime) -> dict[str, Any]:
        return self._arguments


class DelegationSigner:
    """Signs with a user-delegation key, asked for once and again before a SAS would outlive it. Thread-safe."""

    def __init__(self, account_name: str, get_key: Callable[[datetime, datetime], Any]) -> None:
        self._account_name, self._get_key, self._lock = account_name, get_key, threading.Lock()
        self._key: Any = None
        self._until = datetime.min.replace(tzinfo=UTC)

    def __call__(self, expiry: datetime) -> dict[str, Any]:
        """Raises ValueError where no key can live as long as `expiry`."""
        with self._lock:
            if self._until < expiry:
                self._renew(expiry)
            return {"account_name": self._account_name, "user_delegation_key": self._key}

    def _renew(self, expiry: datetime) -> None:
        start = datetime.now(UTC) - CLOCK_SKEW
        until = min(expiry + KEY_IN_USE, start + LONGEST_KEY)
        if until < expiry:
            raise ValueError(
                f"a SAS until {expiry:%Y-%m-%d %H:%M} UTC would outlive its key, which ends {until:%d %H:%M}"
            )
        self._key, self._until = self._get_key(start, until), until


def blob_signer(service: BlobServiceClient) -> Signer:
    if key := _account_key(service):
        return KeySigner(str(service.account_name), key)
    return DelegationSigner(
        str(service.account_name),
        lambda start, expiry: service.get_user_delegation_key(key_start_time=start, key_expiry_time=expiry),
    )


def queue_signer(service: QueueServiceClient) -> Signer:
    if key := _account_key(service):
        return KeySigner(str(service.account_name), key)
    return DelegationSigner(
        str(service.account_name), lambda start, expiry: service.get_user_delegation_key(start=start, expiry=expiry)
    )


def blob_sas_url(
    service: BlobServiceClient, signer: Signer, container: str, blob: str, permission: str, hours: float
) -> str:
    """A URL for one blob with `permission`: letters of r(ead), c(reate), w(rite)."""
    start, expiry = _validity(hours)
    token = generate_blob_sas(
        container_name=container,
        blob_name=blob,
        permission=BlobSasPermissions.from_string(permission),
        start=start,
        expiry=expiry,
        protocol=_protocol(service.url),
        **signer(expiry),
    )
    return f"{service.url.rstrip('/')}/{container}/{quote(blob, safe='/~')}?{token}"


def queue_sas_url(service: QueueServiceClient, signer: Signer, queue: str, permission: str, hours: float) -> str:
    """A URL for one queue with `permission`: letters of r(ead), a(dd), u(pdate), p(rocess)."""
    start, expiry = _validity(hours)
    token = generate_queue_sas(
        queue_name=queue,
        permission=QueueSasPermissions.from_string(permission),
        start=start,
        expiry=expiry,
        protocol=_protocol(service.url),
        **signer(expiry),
    )
    return f"{service.url.rstrip('/')}/{queue}?{token}"


def _protocol(url: str) -> str | None:
    """HTTPS alone, unless storage itself is reached without (Azurite)."""
    return "https" if url.startswith("https://") else None


def _validity(hours: float) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now - CLOCK_SKEW, now + timedelta(hours=hours)


def _account_key(service: Any) -> str | None:
    return getattr(service.credential, "account_key", None)
