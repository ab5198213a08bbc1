"""The user-delegation SAS of queues: what azure-storage-queue signs, verified by the emulator and by hand."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from azure.storage.queue import QueueSasPermissions, generate_queue_sas
from azure.storage.queue._shared.models import UserDelegationKey

from local.identity.queue_sas import DelegationKey, SasError, verify

SEED = b"of these tests"
HOUR = timedelta(hours=1)


def iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def lent(**changes: str) -> UserDelegationKey:
    """A key as the service lends it."""
    now = datetime.now(UTC)
    known = {"object_id": "oid", "tenant_id": "tid", "start": iso(now - HOUR), "expiry": iso(now + 2 * HOUR)}
    ours = DelegationKey(**(known | {"version": "2026-02-06"} | changes))
    key = UserDelegationKey()
    key.signed_oid, key.signed_tid, key.signed_start, key.signed_expiry = "oid", "tid", ours.start, ours.expiry
    key.signed_service, key.signed_version = "q", ours.version
    key.value = base64.b64encode(ours.value(SEED)).decode()
    return key


def signed(key: UserDelegationKey | None = None, **changes: Any) -> dict[str, str]:
    options: dict[str, Any] = {
        "permission": QueueSasPermissions(add=True),
        "start": datetime.now(UTC) - HOUR,
        "expiry": datetime.now(UTC) + HOUR,
        "protocol": "https",
    }
    token = generate_queue_sas("system", "gpu-results", user_delegation_key=key or lent(), **(options | changes))
    return {name: values[0] for name, values in parse_qs(token).items()}


def test_the_sdk_signs_what_azure_verifies() -> None:
    """Word for word what azure-storage-queues for C++ signs, which is another hand's work than the SDK for Python's."""
    key = lent()
    said = signed(key)
    words = (
        f"a\n{said['st']}\n{said['se']}\n/queue/system/gpu-results\n"
        f"oid\ntid\n{said['skt']}\n{said['ske']}\nq\n{said['skv']}\n\n"  # no tenant of a delegated user
        f"\n\nhttps\n{said['sv']}"  # no delegated user, no address
    )
    value = base64.b64decode(str(key.value))
    assert said["sig"] == base64.b64encode(hmac.digest(value, words.encode(), hashlib.sha256)).decode()
    verify(said, "system", "gpu-results", SEED)


@pytest.mark.parametrize("name", ["sp", "st", "se", "skoid", "sktid", "skt", "ske", "sks", "skv", "spr", "sv", "sig"])
def test_whatever_is_changed_or_left_out_is_refused(name: str) -> None:
    said = signed()
    with pytest.raises(SasError):
        verify(said | {name: "2099-01-01T00:00:00Z"}, "system", "gpu-results", SEED)
    with pytest.raises(SasError):
        verify({other: value for other, value in said.items() if other != name}, "system", "gpu-results", SEED)


@pytest.mark.parametrize("added", ["sip", "sduoid", "skdutid"])
def test_whatever_is_added_is_refused(added: str) -> None:
    with pytest.raises(SasError, match="did not match"):
        verify(signed() | {added: "1"}, "system", "gpu-results", SEED)


@pytest.mark.parametrize(("account", "queue"), [("data", "gpu-results"), ("system", "gpu-tasks")])
def test_it_is_of_one_queue_of_one_account(account: str, queue: str) -> None:
    with pytest.raises(SasError, match="did not match"):
        verify(signed(), account, queue, SEED)


def test_it_ends_with_its_key() -> None:
    ended = lent(expiry=iso(datetime.now(UTC) - timedelta(minutes=1)))
    with pytest.raises(SasError, match="key is not valid now"):
        verify(signed(ended), "system", "gpu-results", SEED)
