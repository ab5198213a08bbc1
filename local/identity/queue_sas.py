"""The user-delegation SAS of a queue, verified as the service does.

The string to sign is the one that Azure's own SDKs put together (service version 2025-07-05 and later); those for
Python and for C++ agree on it.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from azure.storage.queue import generate_queue_sas

# Of the signed string, in order; the queue's own name stands between the third and the fourth.
_POLICY = ("sp", "st", "se")
_KEY = ("skoid", "sktid", "skt", "ske", "sks", "skv")
_REST = ("skdutid", "sduoid", "sip", "spr", "sv")
PARAMETERS = frozenset({*_POLICY, *_KEY, *_REST, "sig"})


class SasError(Exception):
    """The SAS does not open this; the message tells nothing that is secret."""


@dataclass(frozen=True)
class DelegationKey:
    """What Azure lends: whose it is, from when until when (ISO 8601), and the service's version."""

    object_id: str
    tenant_id: str
    start: str
    expiry: str
    version: str
    service: str = "q"

    def value(self, seed: bytes) -> bytes:
        """The key itself; nothing is kept: it follows from the service's own `seed`."""
        said = (self.object_id, self.tenant_id, self.start, self.expiry, self.service, self.version)
        return hmac.digest(seed, "\n".join(said).encode(), hashlib.sha256)


def verify(said: Mapping[str, str], account: str, queue: str, seed: bytes) -> None:
    """Raises SasError unless the SAS is this queue's, by a key of ours that is valid now."""
    if missing := [name for name in (*_KEY, "sp", "se", "sv", "sig") if not said.get(name)]:
        raise SasError(f"a user-delegation SAS needs {', '.join(missing)}")
    if said["sks"] != "q":
        raise SasError("the key was lent for another service than queues")
    key = DelegationKey(said["skoid"], said["sktid"], said["skt"], said["ske"], said["skv"])
    words = [*(said.get(name, "") for name in _POLICY), f"/queue/{account}/{queue}"]
    words += [said.get(name, "") for name in (*_KEY, *_REST)]
    expected = base64.b64encode(hmac.digest(key.value(seed), "\n".join(words).encode(), hashlib.sha256)).decode()
    if not hmac.compare_digest(said["sig"].encode(), expected.encode()):
        raise SasError("the signature did not match")
    if not _time(said["skt"]) <= datetime.now(UTC) <= _time(said["ske"]):
        raise SasError("the user-delegation key is not valid now")


def by_account_key(said: Mapping[str, str], account: str, queue: str, account_key: str) -> str:
    """A SAS with the same rights and times that the account's key signs, as a query string."""
    return generate_queue_sas(
        account,
        queue,
        account_key,
        permission=said["sp"],
        expiry=said["se"],
        start=said.get("st"),
        ip=said.get("sip"),
        protocol=said.get("spr"),
    )


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise SasError(f"{text!r} is no time") from error
