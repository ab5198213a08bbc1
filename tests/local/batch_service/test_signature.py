import base64
import http.client
import time
from email.utils import formatdate

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AccessToken, AzureNamedKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from local.batch_service.errors import Unauthorized
from local.batch_service.signature import sign, verify
from tests.local.batch_service.local_batch import LocalBatch

KEY = base64.b64encode(b"a key for these tests").decode()
QUERY = "api-version=2025-06-01&$filter=id%20eq%20%27a%27"


def _signed(**changes: str) -> dict[str, str]:
    headers = {"ocp-date": formatdate(usegmt=True), **changes}
    signature = sign("local", KEY, "GET", "/jobs", QUERY, headers)
    return {**headers, "authorization": f"SharedKey local:{signature}"}


def test_the_signature_of_the_request_is_accepted() -> None:
    verify("local", KEY, "GET", "/jobs", QUERY, _signed())


@pytest.mark.parametrize(
    ("method", "path", "query", "headers"),
    [
        ("DELETE", "/jobs", QUERY, _signed()),
        ("GET", "/pools", QUERY, _signed()),
        ("GET", "/jobs", QUERY + "&maxresults=1", _signed()),
        ("GET", "/jobs", QUERY, _signed() | {"if-match": "x"}),
        ("GET", "/jobs", QUERY, _signed() | {"ocp-range": "bytes=0-1"}),
        ("GET", "/jobs", QUERY, _signed() | {"authorization": "SharedKey other:abc="}),
        ("GET", "/jobs", QUERY, _signed() | {"authorization": "SharedKey local:\u00e9"}),
    ],
)
def test_the_signature_of_another_request_is_refused(
    method: str, path: str, query: str, headers: dict[str, str]
) -> None:
    with pytest.raises(Unauthorized, match="signature") as refused:
        verify("local", KEY, method, path, query, headers)
    assert refused.value.status == 403


@pytest.mark.parametrize("date", [formatdate(time.time() - 1000, usegmt=True), "yesterday", ""])
def test_old_and_undated_requests_are_refused(date: str) -> None:
    with pytest.raises(Unauthorized, match="ocp-date"):
        verify("local", KEY, "GET", "/jobs", QUERY, _signed(**{"ocp-date": date}))


def test_a_client_with_another_key_is_refused(batch: LocalBatch) -> None:
    credential = AzureNamedKeyCredential("local", KEY)
    with BatchClient(batch.service.url, credential) as client, pytest.raises(HttpResponseError) as refused:
        client.get_pool("main")
    assert refused.value.status_code == 403
    assert refused.value.error is not None
    assert refused.value.error.code == "AuthenticationFailed"


class _Token:
    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken("token", int(time.time()) + 3600)


def test_tokens_are_refused(batch: LocalBatch) -> None:
    with BatchClient(batch.service.url, _Token()) as client, pytest.raises(ClientAuthenticationError, match="Bearer"):
        client.get_pool("main", enforce_https=False)


@pytest.mark.parametrize("path", ["/jobs?api-version=2025-06-01", "/_local/nodes/x/preempt"])
def test_unsigned_requests_are_refused(batch: LocalBatch, path: str) -> None:
    connection = http.client.HTTPConnection(batch.service.url.removeprefix("http://"))
    connection.request("POST", path)
    assert connection.getresponse().status == 401
    connection.close()
