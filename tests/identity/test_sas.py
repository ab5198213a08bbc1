"""What a SAS by user delegation opens, and what not: made by the app's own code, asked of Azurite over HTTPS."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient
from azure.storage.queue import QueueClient

from activities import sas
from activities.storage import Account
from tests.identity.deployed_stack import DeployedStack

pytestmark = pytest.mark.timeout(120)
QUEUE, OTHER_QUEUE = "gpu-tasks-poison", "gpu-results-poison"  # those that nothing takes from while the tests run
LATE = -1 / 3600


@contextmanager
def refused(status: int = 403) -> Iterator[None]:
    with pytest.raises(HttpResponseError) as caught:
        yield
    assert caught.value.status_code == status


def said(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.fixture
def blob(system: Account) -> str:
    system.write_text("models", "sas/a.json", "{}")
    system.write_text("models", "sas/b.json", "{}")
    return system.blob_sas_url("models", "sas/a.json", "r", 1)


def test_it_is_signed_for_the_identity_and_for_one_blob_over_https(blob: str, deployed: DeployedStack) -> None:
    given = said(blob)
    assert (given["sks"], given["sr"], given["sp"], given["spr"]) == ("b", "b", "r", "https")
    assert len(given["skoid"]) == len(given["sktid"]) == 36
    assert given["se"] < given["ske"]


def test_it_reads_one_blob_and_nothing_else(blob: str) -> None:
    with BlobClient.from_blob_url(blob) as client:
        assert client.download_blob().readall() == b"{}"
        with refused():
            client.upload_blob(b"x", overwrite=True)
    with BlobClient.from_blob_url(blob.replace("a.json", "b.json")) as other, refused():
        other.download_blob()


@pytest.mark.parametrize("name", ["spr", "sp", "se", "st", "skoid", "sktid", "ske", "skt"])
def test_none_of_what_it_says_can_be_changed(blob: str, name: str) -> None:
    others = {"spr": "https%2Chttp", "sp": "rw", "st": "2020-01-01T00%3A00%3A00Z", "skt": "2020-01-01T00%3A00%3A00Z"}
    other = others.get(name, "2099-01-01T00%3A00%3A00Z" if name in ("se", "ske") else "0" * 36)
    parts = [f"{name}={other}" if part.startswith(f"{name}=") else part for part in blob.split("?")[1].split("&")]
    with BlobClient.from_blob_url(f"{blob.split('?')[0]}?{'&'.join(parts)}") as client, refused():
        client.download_blob()


def test_it_is_over_at_its_end(blob: str, system: Account) -> None:
    with BlobClient.from_blob_url(system.blob_sas_url("models", "sas/a.json", "r", LATE)) as client, refused():
        client.download_blob()


def test_a_queues_adds_and_does_nothing_else(system: Account) -> None:
    url = system.queue_sas_url(QUEUE, "a", 1)
    given = said(url)
    assert (given["sks"], given["sp"], given["spr"]) == ("q", "a", "https")
    with QueueClient.from_queue_url(url) as queue:
        queue.send_message("hello")
        with refused():
            queue.peek_messages()
        with refused():
            queue.clear_messages()
    with QueueClient.from_queue_url(url.replace(QUEUE, OTHER_QUEUE)) as other, refused():
        other.send_message("hello")
    with QueueClient.from_queue_url(url.replace("sp=a", "sp=rap")) as more, refused():
        more.peek_messages()
    with QueueClient.from_queue_url(system.queue_sas_url(QUEUE, "a", LATE)) as late, refused():
        late.send_message("hello")


def test_one_key_signs_many_and_the_next_is_asked_for_before_a_sas_would_outlive_it(system: Account) -> None:
    short = [said(system.blob_sas_url("models", f"sas/{n}", "r", 1))["ske"] for n in range(3)]
    long = system.blob_sas_url("models", "sas/a.json", "r", 100)
    assert len(set(short)) == 1
    assert said(long)["ske"] > said(long)["se"] > short[0]


def test_an_identity_never_signs_with_a_key(system: Account, data: Account) -> None:
    for account in (system, data):
        assert isinstance(sas.blob_signer(account.blobs), sas.DelegationSigner)
        assert isinstance(sas.queue_signer(account.queues), sas.DelegationSigner)
