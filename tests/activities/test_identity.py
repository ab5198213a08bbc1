"""Which identity a connection's settings name; tests/identity runs the app by it."""

from typing import Any

import pytest
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

from activities import batch, identity
from activities.settings import settings
from activities.storage import Account
from contracts.settings import SettingsError

DATA = {
    "D__blobServiceUri": "https://d.blob.core.windows.net/",
    "D__queueServiceUri": "https://d.queue.core.windows.net/",
}
NAMED = {"D__credential": "managedidentity", "D__clientId": "one"}


def client_id(credential: Any) -> str | None:
    """Which identity the real credential will ask for."""
    return credential._credential._settings["client_id"]


@pytest.fixture(autouse=True)
def in_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    identity._managed_identity.cache_clear()
    identity._whatever_is_there.cache_clear()


def test_a_connection_names_the_managed_identity_that_is_asked_and_no_chain() -> None:
    credential = identity.credential("D", NAMED)
    assert isinstance(credential, ManagedIdentityCredential)
    assert client_id(credential) == "one"


def test_without_a_client_id_it_is_the_system_assigned_identity() -> None:
    assert client_id(identity.credential("D", {"D__credential": "managedidentity"})) is None


def test_one_identity_is_one_credential_for_all_services_and_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    system = {name.replace("D__", "SYSTEM_STORAGE__"): value for name, value in (DATA | NAMED).items()}
    monkeypatch.delenv("BATCH_ACCOUNT_KEY", raising=False)
    for name, value in {"BATCH_ENDPOINT": "https://b.batch.azure.com", **system}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    batch.client.cache_clear()
    account = Account("D", DATA | NAMED)
    assert account.blobs.credential is account.queues.credential is identity.credential("D", NAMED)
    assert batch.client()._config.credential is account.blobs.credential
    assert identity.credential("D", NAMED | {"D__clientId": "other"}) is not account.blobs.credential
    settings.cache_clear()
    batch.client.cache_clear()


def test_a_developers_machine_uses_what_it_is_signed_in_with() -> None:
    assert isinstance(identity.credential("D", {}), DefaultAzureCredential)


def test_another_kind_of_credential_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="D__credential is 'workload'; give managedidentity"):
        Account("D", DATA | {"D__credential": "workload"}).blobs  # noqa: B018 (made when it is first asked for)


@pytest.mark.parametrize("uri", ["http://d.blob.core.windows.net/", "https://videos.example.com/"])
def test_an_address_that_an_identity_cannot_use_is_refused_by_name(uri: str) -> None:
    with pytest.raises(SettingsError, match="D__blobServiceUri is"):
        Account("D", {"D__blobServiceUri": uri} | NAMED).blobs  # noqa: B018
