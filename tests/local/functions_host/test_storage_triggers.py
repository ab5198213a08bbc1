"""Queue and blob triggers and outputs of a real app, against Azurite."""

import base64
import json
import shutil
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from tests.local.functions_host.running_host import APP, RunningHost, eventually, start_host

pytestmark = pytest.mark.timeout(120)


def send(queues: QueueServiceClient, queue: str, text: str) -> None:
    queues.get_queue_client(queue).send_message(base64.b64encode(text.encode()).decode())


def waiting(queues: QueueServiceClient, queue: str) -> list[str]:
    """Decoded messages that lie in a queue; none if it does not exist."""
    try:
        messages = queues.get_queue_client(queue).peek_messages(max_messages=32)
    except ResourceNotFoundError:
        return []
    return [base64.b64decode(one.content).decode() for one in messages]


def blob_text(blobs: BlobServiceClient, container: str, name: str) -> str | None:
    try:
        return blobs.get_blob_client(container, name).download_blob().readall().decode()
    except ResourceNotFoundError:
        return None


def test_a_queue_message_runs_its_function_and_the_output_is_queued(
    host: RunningHost, queues: QueueServiceClient
) -> None:
    send(queues, "work", "hello")
    eventually(lambda: "done:hello" in waiting(queues, "results"), "the output message")
    assert host.noted("work", "hello") == [["work", "hello", 1]]


def test_a_failing_function_is_retried_then_the_poison_function_gets_the_message(
    host: RunningHost, queues: QueueServiceClient
) -> None:
    send(queues, "work", "fail")
    eventually(lambda: host.noted("poison", "fail"), "the poison function")
    assert host.noted("work", "fail") == [["work", "fail", 1], ["work", "fail", 2], ["work", "fail", 3]]
    assert host.child.find(r"(queue work: message .* attempt 3 of 3: RuntimeError.*AccountKey=REDACTED)")
    assert "SECRETKEY" not in host.child.output


def test_a_blob_reaches_its_function_as_a_client_and_the_output_becomes_a_blob(
    host: RunningHost, blobs: BlobServiceClient
) -> None:
    blobs.get_blob_client("videos", "starry/a.mp4").upload_blob(b"pixels")
    eventually(lambda: blob_text(blobs, "copies", "starry-a.mp4.txt") == "PIXELS", "the output blob")
    assert host.noted("video", "videos", "starry/a.mp4") == [["video", "videos", "starry/a.mp4", "pixels"]]


def test_a_blob_reaches_its_function_as_a_stream(host: RunningHost, blobs: BlobServiceClient) -> None:
    blobs.get_blob_client("notes", "folder/b.txt").upload_blob(b"words")
    assert eventually(lambda: host.noted("note"), "the note") == [["note", "notes/folder/b.txt", 5, "words"]]


def test_a_blob_that_does_not_match_the_path_is_left_alone(host: RunningHost, blobs: BlobServiceClient) -> None:
    container = blobs.get_container_client("videos")
    container.upload_blob("no-style.mp4", b"x")
    container.upload_blob("waves/after.mp4", b"x")
    eventually(lambda: host.noted("video", "videos", "waves/after.mp4"), "the blob after it")
    assert host.noted("video", "videos", "no-style.mp4") == []


def test_overwriting_a_blob_runs_its_function_again(host: RunningHost, blobs: BlobServiceClient) -> None:
    blob = blobs.get_blob_client("videos", "waves/over.mp4")
    blob.upload_blob(b"one")
    eventually(lambda: host.noted("video", "videos", "waves/over.mp4", "one"), "the first version")
    blob.upload_blob(b"two", overwrite=True)
    eventually(lambda: host.noted("video", "videos", "waves/over.mp4", "two"), "the second version")
    assert len(host.noted("video", "videos", "waves/over.mp4")) == 2


def test_a_failing_blob_goes_to_the_poison_queue(
    host: RunningHost, blobs: BlobServiceClient, queues: QueueServiceClient
) -> None:
    blobs.get_blob_client("videos", "waves/bad.mp4").upload_blob(b"bad")
    message = eventually(lambda: waiting(queues, "webjobs-blobtrigger-poison"), "the poison message")[0]
    assert json.loads(message)["BlobName"] == "waves/bad.mp4"
    assert len(host.noted("video", "videos", "waves/bad.mp4")) == 3


def test_a_restarted_host_announces_no_blob_twice(azurite: str, blobs: BlobServiceClient, tmp_path: Path) -> None:
    # Receipts belong to the app folder: a copy of it is not confused with the host of the other tests.
    root = Path(shutil.copytree(APP, tmp_path / "app"))
    host = start_host(tmp_path / "state", azurite, root=root)
    blobs.get_blob_client("videos", "moon/before.mp4").upload_blob(b"x")
    eventually(lambda: host.noted("video", "videos", "moon/before.mp4"), "the first run")
    host.end()
    host = start_host(tmp_path / "state", azurite, root=root)
    try:
        blobs.get_blob_client("videos", "moon/after.mp4").upload_blob(b"x")
        eventually(lambda: host.noted("video", "videos", "moon/after.mp4"), "a new blob")
        assert len(host.noted("video", "videos", "moon/before.mp4")) == 1
    finally:
        host.end()
