"""The upload door with a real durable engine and a real Azurite: what starts a job, and what is answered beside it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from azure.storage.blob import BlobClient

from activities.storage import Account, data_account
from contracts import layout
from contracts.job import StartInput
from tests.task_hub import task_hub
from tests.triggers.conftest import function
from triggers.uploads import on_video_uploaded

pytestmark = pytest.mark.timeout(90)

IDENTITY = {"atelier_options": json.dumps({"scorer": "identity"})}


def score_video(ctx: Any, payload: Any) -> Any:
    """Stands for the workflow: waits to be told how to end."""
    yield ctx.wait_for_external_event("end")


def guard_run(ctx: Any, payload: Any) -> Any:
    """Stands for the guard: waits for ever."""
    yield ctx.wait_for_external_event("never")


@pytest.fixture
def hub(accounts: Account) -> Iterator[Any]:
    with task_hub([score_video, guard_run]) as running:
        yield running


def upload(hub: Any, name: str, metadata: dict[str, str] | None = None) -> BlobClient:
    blob = data_account().container(layout.VIDEOS).get_blob_client(name)
    blob.upload_blob(b"a video", overwrite=True, metadata=metadata)
    function(on_video_uploaded)(blob, hub)
    return blob


def answer(name: str) -> dict[str, Any] | None:
    blob = data_account().container(layout.VIDEOS).get_blob_client(layout.error_blob(name))
    return json.loads(blob.download_blob().readall())["errors"][0] if blob.exists() else None


def started(accounts: Account) -> list[StartInput]:
    names = [name for name in accounts.container(layout.JOBS).list_blob_names() if name.endswith("/start.json")]
    return [accounts.read_json(layout.JOBS, name, StartInput) for name in names]


def test_an_upload_starts_its_job_and_is_counted_for_its_uploader(accounts: Account, hub: Any) -> None:
    upload(hub, "x/a.mp4", IDENTITY | {"atelier_uploader": "ada"})
    [start] = started(accounts)
    assert (start.door, start.request.video) == ("upload", "x/a.mp4")
    assert accounts.exists(layout.JOBS, layout.active_blob(start.uploader, start.job))
    assert answer("x/a.mp4") is None


def test_what_is_wrong_is_said_beside_the_upload_until_a_good_one_comes(accounts: Account, hub: Any) -> None:
    upload(hub, "x/a.mp4", {"atelier_options": "{not json"})
    assert "is not JSON" in (answer("x/a.mp4") or {})["problem"]
    upload(hub, "x/a.mp4", IDENTITY)
    assert answer("x/a.mp4") is None
    assert len(started(accounts)) == 1


def test_an_event_that_comes_twice_leaves_the_word_about_how_the_job_ended(accounts: Account, hub: Any) -> None:
    blob = upload(hub, "x/a.mp4", IDENTITY)
    data_account().write_text(layout.VIDEOS, layout.error_blob("x/a.mp4"), json.dumps({"errors": [{"field": "job"}]}))
    function(on_video_uploaded)(blob, hub)
    assert answer("x/a.mp4") == {"field": "job"}


@pytest.mark.parametrize("name", ["x/a.mp4.error.json", "x/a.error.json", "x/.error.json.error.json"])
def test_our_own_word_is_no_upload(accounts: Account, hub: Any, name: str) -> None:
    upload(hub, name, IDENTITY)
    assert answer(name) is None
    assert started(accounts) == []


def test_the_longest_name_gets_its_answer_too(accounts: Account, hub: Any) -> None:
    name = "no-such-style/" + "é" * (layout.MAX_BLOB_NAME - 18) + ".mp4"
    upload(hub, name)
    assert (answer(name) or {})["field"] == "style"
    assert len(layout.error_blob(name)) == layout.MAX_BLOB_NAME


@pytest.mark.parametrize("name", ["a%2F..%2Fb/c.mp4", "..%2F..%2Fjobs/c.mp4", "東京/🎬.mp4", "a b#/c?d.mp4"])
def test_an_odd_name_is_answered_beside_itself_and_nowhere_else(accounts: Account, hub: Any, name: str) -> None:
    upload(hub, name)
    assert (answer(name) or {})["field"] == "style"
    assert set(data_account().container(layout.VIDEOS).list_blob_names()) == {name, layout.error_blob(name)}


@pytest.mark.parametrize(
    "said",
    ["[" * 7_000, '{"options": {"crop": ' + "9" * 6_000 + "}}", '{"style": NaN}', '"text"', '{"style": "\\ud800"}'],
)
def test_metadata_made_to_break_a_parser_is_answered(accounts: Account, hub: Any, said: str) -> None:
    upload(hub, "x/a.mp4", {"atelier_options": said})
    assert (answer("x/a.mp4") or {})["problem"]
    assert started(accounts) == []


def test_an_upload_cannot_ask_for_another_video(accounts: Account, hub: Any) -> None:
    upload(hub, "x/a.mp4", {"atelier_options": json.dumps({"scorer": "identity", "video": "y/theirs.mp4"})})
    assert (answer("x/a.mp4") or {})["field"] == "video"


def test_an_upload_that_was_deleted_meanwhile_is_no_error(accounts: Account, hub: Any) -> None:
    blob = data_account().container(layout.VIDEOS).get_blob_client("x/gone.mp4")
    function(on_video_uploaded)(blob, hub)
    assert started(accounts) == []
