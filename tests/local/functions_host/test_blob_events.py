"""Blob triggers whose source is Event Grid: events as Event Grid posts them, for blobs in Azurite."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from local.functions_host.keys import load_keys
from tests.local.functions_host.running_host import RunningHost, eventually, start_host

pytestmark = pytest.mark.timeout(120)


def created(blobs: BlobServiceClient, container: str, name: str) -> dict[str, Any]:
    """The event of a blob that is made now, in Event Grid's own schema."""
    blob = blobs.get_blob_client(container, name)
    etag = blob.upload_blob(b"x", overwrite=True)["etag"]
    return {
        "eventType": "Microsoft.Storage.BlobCreated",
        "subject": f"/blobServices/default/containers/{container}/blobs/{name}",
        "data": {"url": blob.url, "eTag": str(etag).strip('"'), "contentLength": 1},
    }


def post(host: RunningHost, body: object, kind: str = "Notification", function: str = "on_told") -> httpx.Response:
    url = f"{host.url}/runtime/webhooks/blobs?functionName=Host.Functions.{function}"
    return host.client.post(url, content=json.dumps(body), headers={"aeg-event-type": kind})


def test_events_run_the_function_and_nothing_else_does(host: RunningHost, blobs: BlobServiceClient) -> None:
    created(blobs, "told", "never told of.mp4")
    blobs.create_container("elsewhere")
    events = [created(blobs, "told", "Grüße #1.mp4"), created(blobs, "elsewhere", "a.mp4")]
    events.append({**created(blobs, "told", "deleted.mp4"), "eventType": "Microsoft.Storage.BlobDeleted"})
    assert post(host, events).status_code == 202
    assert post(host, [created(blobs, "told", "last.mp4")]).status_code == 202
    eventually(lambda: len(host.noted("told")) >= 2, "both functions")
    assert sorted(name for _, name in host.noted("told")) == ["told/Grüße #1.mp4", "told/last.mp4"]


def test_a_version_that_was_overwritten_since_is_left_to_its_own_event(
    host: RunningHost, blobs: BlobServiceClient
) -> None:
    old, new = created(blobs, "told", "twice.mp4"), created(blobs, "told", "twice.mp4")
    assert post(host, [old]).status_code == 202
    assert post(host, [new]).status_code == 202
    assert post(host, [created(blobs, "told", "after.mp4")]).status_code == 202
    eventually(lambda: host.noted("told", "told/after.mp4"), "the blob after it")
    assert eventually(lambda: host.noted("told", "told/twice.mp4"), "the new version") == [["told", "told/twice.mp4"]]


def test_the_subscription_is_validated_as_event_grid_asks(host: RunningHost) -> None:
    asked = [{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "512d"}}]
    assert post(host, asked, kind="SubscriptionValidation").json() == {"validationResponse": "512d"}


@pytest.mark.parametrize("body", [{}, [1], [{"eventType": "Microsoft.Storage.BlobCreated"}], "text"])
def test_what_is_no_event_is_refused(host: RunningHost, body: object) -> None:
    assert post(host, body).status_code == 400


@pytest.mark.parametrize("function", ["on_note", "nobody"])
def test_a_function_that_hears_no_events_is_not_found(host: RunningHost, function: str) -> None:
    assert post(host, [], function=function).status_code == 404


def test_the_door_has_a_key_of_its_own(azurite: str, tmp_path: Path) -> None:
    host = start_host(tmp_path / "state", azurite, "--require-keys")
    keys = json.loads((tmp_path / "state" / "keys.json").read_text())
    url = f"{host.url}/runtime/webhooks/blobs?functionName=Host.Functions.on_told&code="
    answers = {name: host.client.post(url + key, content="[]").status_code for name, key in keys.items()}
    host.end()
    assert answers == {"master": 202, "default": 401, "durable_task": 401, "blobs_extension": 202}


def test_a_key_file_of_before_this_door_gets_the_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"master": "m", "default": "d", "durable_task": "t"}))
    keys = load_keys(path)
    assert (keys.master, keys.default, keys.durable_task) == ("m", "d", "t")
    assert keys.blobs_extension == load_keys(path).blobs_extension
    assert path.stat().st_mode & 0o777 == 0o600
