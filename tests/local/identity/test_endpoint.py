"""The identity endpoint, asked by azure-identity's own ManagedIdentityCredential."""

from collections.abc import Iterator

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ManagedIdentityCredential
from azure.identity.aio import ManagedIdentityCredential as AsyncManagedIdentityCredential

from local.identity.endpoint import IdentityEndpoint
from local.identity.tokens import BATCH, STORAGE, TokenError, read
from tests.local.loop_thread import LoopThread

SCOPE = "https://storage.azure.com/.default"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[LoopThread, IdentityEndpoint]]:
    with LoopThread() as loop:
        endpoint = IdentityEndpoint("the app's")
        loop.run(endpoint.start())
        yield loop, endpoint
        loop.run(endpoint.close())


@pytest.fixture
def endpoint(running: tuple[LoopThread, IdentityEndpoint], monkeypatch: pytest.MonkeyPatch) -> IdentityEndpoint:
    for name, value in running[1].environment.items():
        monkeypatch.setenv(name, value)
    return running[1]


def test_the_apps_identity_gets_a_token_for_what_it_asks_for(endpoint: IdentityEndpoint) -> None:
    with ManagedIdentityCredential(client_id="the app's") as credential:
        token = credential.get_token(SCOPE).token
    assert read(f"Bearer {token}", STORAGE).object_id == endpoint.object_id
    with pytest.raises(TokenError, match="audience"):
        read(f"Bearer {token}", BATCH)


def test_the_asynchronous_client_does_too(running: tuple[LoopThread, IdentityEndpoint], endpoint: object) -> None:
    async def ask() -> str:
        async with AsyncManagedIdentityCredential(client_id="the app's") as credential:
            return (await credential.get_token("https://batch.core.windows.net//.default")).token

    assert read(f"Bearer {running[0].run(ask())}", BATCH).object_id == running[1].object_id


@pytest.mark.parametrize("client_id", ["another", None])
def test_an_identity_that_the_app_does_not_have_gets_none(endpoint: IdentityEndpoint, client_id: str | None) -> None:
    with ManagedIdentityCredential(client_id=client_id) as credential, pytest.raises(ClientAuthenticationError):
        credential.get_token(SCOPE)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 200),
        ({"resource": ""}, 400),
        ({"api-version": "2017-09-01"}, 400),
        ({"client_id": "another"}, 400),
    ],
)
def test_what_is_asked_wrongly_is_refused(endpoint: IdentityEndpoint, query: dict[str, str], status: int) -> None:
    where, secret = endpoint.environment["IDENTITY_ENDPOINT"], endpoint.environment["IDENTITY_HEADER"]
    asked = {"api-version": "2019-08-01", "resource": STORAGE, "client_id": "the app's"} | query
    assert httpx.get(where, params=asked, headers={"X-IDENTITY-HEADER": secret}).status_code == status


@pytest.mark.parametrize("header", [{}, {"X-IDENTITY-HEADER": "guessed"}])
def test_who_cannot_set_the_header_gets_nothing(endpoint: IdentityEndpoint, header: dict[str, str]) -> None:
    asked = {"api-version": "2019-08-01", "resource": STORAGE, "client_id": "the app's"}
    answer = httpx.get(endpoint.environment["IDENTITY_ENDPOINT"], params=asked, headers=header)
    assert answer.status_code == 401
    assert "access_token" not in answer.text
