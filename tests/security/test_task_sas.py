"""Least privilege: each SAS that the app gives to a GPU task does what the task needs, and nothing else.

The specs are real ones: jobs are started on a local stack whose tasks only wait, so that their specs stay. Every
operation a SAS is not for is tried on every SAS of them, with the SDK.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobBlock, BlobClient, BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient, QueueServiceClient
from PIL import Image

from activities.storage import Account
from contracts.task_spec import SPEC_URL_VARIABLE
from gpu_task import blobs
from tests.end_to_end.local_stack import LocalStack, wait_for

pytestmark = pytest.mark.timeout(120)

MODEL = "5eed" * 16
WAIT = f'{sys.executable} -c "import time; time.sleep(300)" gpu_task'
HOURS = 6


@dataclass(frozen=True)
class Specs:
    """The URLs of two real specs, and the stack they are for. `urls` holds the SAS by name."""

    stack: LocalStack
    urls: dict[str, str]


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Iterator[Specs]:
    """One job that fits a style and one that scores with a fitted model, each with a task that runs and waits."""
    painting = tmp_path_factory.mktemp("style") / "strokes.png"
    Image.new("RGB", (64, 64), (20, 40, 120)).save(painting)
    settings = {"BATCH_TASK_COMMAND": WAIT, "SAS_HOURS": str(HOURS), "GPU_TASK_POLL_SECONDS": "600"}
    with LocalStack(tmp_path_factory.mktemp("stack"), slots=2, settings=settings) as stack:
        stack.upload(clip, "clip.mp4")
        stack.data.get_blob_client("styles", "strokes.png").upload_blob(painting.read_bytes())
        model = stack.system.get_blob_client("models", f"{MODEL}.safetensors")
        model.upload_blob(b"weights", metadata={"sha256": MODEL})
        fit = stack.submit(video="clip.mp4", style="strokes")
        score = stack.submit(video="clip.mp4", model=MODEL, options={"chunk_size": 12})
        urls = _urls(stack, fit, "fit") | _urls(stack, score, "score")
        urls["spec"] = wait_for(lambda: _spec_url(stack))
        # What the tasks would have written by now, so that there is something to destroy.
        for name, url in urls.items():
            if name.split(".")[-1] in ("output", "log", "timings", "progress"):
                BlobClient.from_blob_url(url).upload_blob(b"written by the task", overwrite=name[-6:] != "output")
        stack.send("gpu-results", "{}")
        yield Specs(stack, urls)


def _urls(stack: LocalStack, job: str, kind: str) -> dict[str, str]:
    [name] = wait_for(lambda: stack.system_blobs("jobs", f"{job}/specs/"))
    spec = json.loads(stack.system.get_blob_client("jobs", name).download_blob().readall())
    named = {"source": spec["source"]["url"], **spec["to"]}
    named |= {"model": spec["model"]["url"]} if kind == "score" else {"style": spec["style"]["url"]}
    found = {f"{kind}.{name}": url for name, url in named.items()}
    assert len(re.findall("sig=", json.dumps(spec))) == len(found), "the spec holds a SAS that this test does not know"
    return found


def _spec_url(stack: LocalStack) -> str | None:
    for pid in stack.gpu_task_pids():
        for entry in Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0"):
            if entry.startswith(f"{SPEC_URL_VARIABLE}="):
                return entry.split("=", 1)[1]
    return None


# -- what can be tried -------------------------------------------------------------------------------------------------


def moved(url: str, container: str, blob: str = "", account: str = "") -> str:
    """The SAS of `url` on another resource."""
    parts = urlsplit(url)
    account = account or parts.path.split("/")[1]
    path = "/".join(part for part in (account, container, blob) if part)
    return urlunsplit((parts.scheme, parts.netloc, f"/{path}", parts.query, ""))


def _blob(url: str) -> BlobClient:
    return BlobClient.from_blob_url(url, retry_total=0)


def _container(url: str) -> ContainerClient:
    return ContainerClient.from_container_url(url, retry_total=0)


def _queue(url: str) -> QueueClient:
    return QueueClient.from_queue_url(url, retry_total=0)


def _service(url: str) -> BlobServiceClient:
    return BlobServiceClient(moved(url, ""), retry_total=0)


def _names(url: str) -> list[str]:
    account, container, blob = urlsplit(url).path.lstrip("/").split("/", 2)
    return [account, container, blob]


def _commit_blocks(url: str) -> None:
    _blob(url).stage_block("AAAA", b"other")
    _blob(url).commit_block_list([BlobBlock("AAAA")])


def _same_container(url: str) -> str:
    """Another blob of the blob's container: one of another job, where the container holds several jobs' blobs."""
    _, container, _ = _names(url)
    return moved(url, container, "another-job/other")


Try = Callable[[Specs, str], Any]

# Needs, by what a task does. Everything else must be refused.
BLOB_OPERATIONS: dict[str, Try] = {
    "read": lambda s, url: _blob(url).download_blob().readall(),
    "read its properties": lambda s, url: _blob(url).get_blob_properties(),
    "overwrite": lambda s, url: _blob(url).upload_blob(b"other", overwrite=True),
    "overwrite by blocks": lambda s, url: _commit_blocks(url),
    "overwrite by a copy": lambda s, url: _blob(url).start_copy_from_url(s.urls["score.source"]),
    "set metadata": lambda s, url: _blob(url).set_blob_metadata({"sha256": "0" * 64}),
    "lease": lambda s, url: _blob(url).acquire_lease(15),
    "snapshot": lambda s, url: _blob(url).create_snapshot(),
    "delete": lambda s, url: _blob(url).delete_blob(),
    "set tags": lambda s, url: _blob(url).set_blob_tags({"a": "b"}),
    "set the tier": lambda s, url: _blob(url).set_standard_blob_tier("Cool"),
    "list its container": lambda s, url: list(_container(moved(url, _names(url)[1])).list_blob_names()),
    "list containers": lambda s, url: list(_service(url).list_containers()),
    "create a container": lambda s, url: _container(moved(url, "mine")).create_container(),
    "delete its container": lambda s, url: _container(moved(url, _names(url)[1])).delete_container(),
    "read another blob": lambda s, url: _blob(_same_container(url)).download_blob().readall(),
    "write another blob": lambda s, url: _blob(_same_container(url)).upload_blob(b"other", overwrite=True),
    "delete another blob": lambda s, url: _blob(_same_container(url)).delete_blob(),
    "read that name in outputs": lambda s, url: _blob(moved(url, "outputs", _names(url)[2])).download_blob().readall(),
    "read in the other account": lambda s, url: _blob(_in_other_account(url)).download_blob().readall(),
    "write in the other account": lambda s, url: _blob(_in_other_account(url)).upload_blob(b"other", overwrite=True),
    "send a message": lambda s, url: _queue(_at_queues(s, url, "gpu-tasks")).send_message("{}"),
    "receive messages": lambda s, url: list(_queue(_at_queues(s, url, "gpu-results")).receive_messages()),
}
QUEUE_OPERATIONS: dict[str, Try] = {
    "send a message": lambda s, url: _queue(url).send_message("{}"),
    "peek": lambda s, url: _queue(url).peek_messages(),
    "receive": lambda s, url: list(_queue(url).receive_messages()),
    "update a message": lambda s, url: _queue(url).update_message("id", "receipt", content="{}"),
    "delete a message": lambda s, url: _queue(url).delete_message("id", "receipt"),
    "clear": lambda s, url: _queue(url).clear_messages(),
    "read its properties": lambda s, url: _queue(url).get_queue_properties(),
    "set metadata": lambda s, url: _queue(url).set_queue_metadata({"a": "b"}),
    "delete the queue": lambda s, url: _queue(url).delete_queue(),
    "create a queue": lambda s, url: _queue(moved(url, "mine")).create_queue(),
    "list queues": lambda s, url: list(QueueServiceClient(moved(url, ""), retry_total=0).list_queues()),
    "send to gpu-tasks": lambda s, url: _queue(moved(url, "gpu-tasks")).send_message("{}"),
    "receive from gpu-tasks": lambda s, url: list(_queue(moved(url, "gpu-tasks")).receive_messages()),
    "send to its poison queue": lambda s, url: _queue(moved(url, "gpu-results-poison")).send_message("{}"),
    "read a blob": lambda s, url: _blob(_at_blobs(s, url, "videos/clip.mp4")).download_blob().readall(),
    "write a blob": lambda s, url: _blob(_at_blobs(s, url, "videos/clip.mp4")).upload_blob(b"other", overwrite=True),
}


def _in_other_account(url: str) -> str:
    account, container, blob = _names(url)
    return moved(url, container, blob, account={"data": "system", "system": "data"}[account])


def _at_queues(specs: Specs, url: str, queue: str) -> str:
    """A blob's SAS at the queue service of the same account."""
    return f"{specs.stack.endpoints['queues'].rstrip('/')}/{_names(url)[0]}/{queue}?{urlsplit(url).query}"


def _at_blobs(specs: Specs, url: str, blob: str) -> str:
    account = urlsplit(url).path.split("/")[1]
    return f"{specs.stack.endpoints['blobs'].rstrip('/')}/{account}/{blob}?{urlsplit(url).query}"


READ = {"read", "read its properties"}
# Azure counts these to `w`, which alone lets a task that Batch runs again write its log anew.
WRITE = {"overwrite", "overwrite by blocks", "overwrite by a copy", "set metadata", "lease", "snapshot", "set the tier"}
# ... and a snapshot to `c`, too. What is there stays as it is; the fixture has shown that it can be created.
READ_AND_CREATE = READ | {"snapshot"}
NEEDED: dict[str, set[str]] = {
    "spec": READ,
    "score.source": READ,
    "score.model": READ,
    "score.output": READ_AND_CREATE,
    "score.log": WRITE,
    "score.timings": WRITE,
    "score.progress": WRITE,
    "fit.source": READ,
    "fit.style": READ,
    "fit.output": READ_AND_CREATE,
    "fit.log": WRITE,
    "fit.timings": WRITE,
    "fit.progress": WRITE,
}
QUEUES = ("score.results_queue", "fit.results_queue")
FORBIDDEN = [
    *((sas, operation) for sas, needed in NEEDED.items() for operation in BLOB_OPERATIONS if operation not in needed),
    *((sas, operation) for sas in QUEUES for operation in QUEUE_OPERATIONS if operation != "send a message"),
]
# -- and what comes of it ----------------------------------------------------------------------------------------------


def test_the_table_knows_every_sas_of_the_specs(specs: Specs) -> None:
    assert specs.urls.keys() == NEEDED.keys() | set(QUEUES)


@pytest.mark.parametrize(("sas", "operation"), FORBIDDEN)
def test_what_a_task_does_not_need_is_forbidden(specs: Specs, sas: str, operation: str) -> None:
    attempt = (QUEUE_OPERATIONS if sas in QUEUES else BLOB_OPERATIONS)[operation]
    with pytest.raises(HttpResponseError) as refused:
        attempt(specs, specs.urls[sas])
    assert refused.value.status_code == 403, f"{sas}, {operation}: {refused.value.error_code}"


@pytest.mark.parametrize("sas", [name for name, needed in NEEDED.items() if needed >= READ])
def test_what_a_task_reads_can_be_read(specs: Specs, sas: str) -> None:
    """The table above would be green, too, if a SAS were good for nothing."""
    assert _blob(specs.urls[sas]).download_blob().readall()


def test_refused_attempts_left_everything_as_it_was(specs: Specs, clip: Path) -> None:
    stack = specs.stack
    assert stack.data.get_blob_client("videos", "clip.mp4").download_blob().readall() == clip.read_bytes()
    for sas in ("score.output", "fit.output"):
        assert _blob(specs.urls[sas]).download_blob().readall() == b"written by the task"
    assert {queue.name for queue in stack.queues.list_queues()} == {
        *("gpu-tasks", "gpu-results", "gpu-tasks-poison", "gpu-results-poison"),
    }


@pytest.mark.parametrize("sas", sorted(NEEDED) + list(QUEUES))
def test_each_sas_names_one_resource_and_ends(specs: Specs, sas: str) -> None:
    said = {name: values[0] for name, values in parse_qs(urlsplit(specs.urls[sas]).query).items()}
    ends = datetime.strptime(said["se"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert 0 < (ends - datetime.now(UTC)).total_seconds() <= HOURS * 3600
    assert said.get("sr") == (None if sas in QUEUES else "b")
    assert not {"ss", "srt", "sdd"} & said.keys(), "an account or directory SAS"
    what = sas.split(".")[-1]
    assert said["sp"] == {"results_queue": "a", "output": "rc"}.get(what, "w" if NEEDED.get(sas) is WRITE else "r")


def test_an_expired_sas_opens_nothing(specs: Specs) -> None:
    stack = specs.stack
    account = Account("SYSTEM_STORAGE", {"SYSTEM_STORAGE": stack._system_storage()})
    blob, queue = f"{MODEL}.safetensors", "gpu-results"
    assert _blob(account.blob_sas_url("models", blob, "r", 1)).download_blob().readall() == b"weights"
    with pytest.raises(HttpResponseError) as refused:
        _blob(account.blob_sas_url("models", blob, "r", -1 / 3600)).download_blob()
    assert refused.value.status_code == 403
    with pytest.raises(HttpResponseError) as refused:
        _queue(account.queue_sas_url(queue, "a", -1 / 3600)).send_message("{}")
    assert refused.value.status_code == 403
    for client in (account.blobs, account.queues):
        client.close()


def test_a_segment_of_any_size_can_be_created(specs: Specs, tmp_path: Path) -> None:
    """Above 64 MiB the SDK would put blocks together, which takes more than the right to create."""
    large = tmp_path / "segment.mp4"
    large.write_bytes(bytes(65 * 2**20))
    account = Account("SYSTEM_STORAGE", {"SYSTEM_STORAGE": specs.stack._system_storage()})
    blobs.create(account.blob_sas_url("jobs", "large", "rc", 1), large, "video/mp4", {})
    assert account.find_properties("jobs", "large").size == 65 * 2**20  # type: ignore[union-attr]
    account.blobs.close()


def test_where_storage_has_https_a_sas_is_for_https_alone() -> None:
    account = Account(
        "X", {"X": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5;EndpointSuffix=core.windows.net"}
    )
    for url in (account.blob_sas_url("c", "b", "r", 1), account.queue_sas_url("q", "a", 1)):
        assert parse_qs(urlsplit(url).query)["spr"] == ["https"]
