"""No key and no signature is left anywhere: after jobs that finish, fail in every way, crash and are cancelled."""

import io
import json
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobClient
from PIL import Image

from tests.end_to_end.local_stack import wait_for
from tests.security import evidence
from tests.security.evidence import Piece
from tests.security.keyed_stack import KeyedStack

pytestmark = pytest.mark.timeout(400)

MODEL = "5eed" * 16
# What holds secrets by its nature, below the state folder, and why.
HOLDERS = {
    "storage-keys.json": "the storage accounts' keys: a restarted stack must reach its data",
    "functions/keys.json": "the host's keys: a restarted stack accepts the same ones",
    "batch/account.key": "the Batch account's key",
}
WHILE_IT_RUNS = {"endpoints.json": "how clients on this machine reach the running stack; removed when it stops"}
# Storage's own disk: it holds blobs that were deleted until they are collected. Blobs are searched through the API.
STORAGE_DISK = "azurite"
# The Batch service keeps a task's environment, as Azure Batch does, and the spec's SAS is in it: see below.
BATCH_DATABASE = "batch/batch.sqlite"
BATCH_DATABASE_FILES = tuple(BATCH_DATABASE + suffix for suffix in ("", "-wal", "-shm", "-journal"))


@dataclass
class Remains:
    """What a stack left behind. `jobs` are the jobs' last words by name, `answers` what HTTP said, `spec_urls` the SAS
    that the Batch service still holds, with what they open."""

    stack: KeyedStack
    keys: dict[str, bytes]
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[Piece] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    modes: dict[str, int] = field(default_factory=dict)
    spec_urls: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def remains(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Iterator[Remains]:
    settings = {"MAX_ATTEMPTS": "2", "FIT_FEATURES": "patches", "FIT_STEPS": "40"}
    with KeyedStack(tmp_path_factory.mktemp("stack"), slots=1, settings=settings) as stack:
        left = Remains(stack, evidence.secrets(stack))
        _live(left, clip)
        for account in evidence.ACCOUNTS:
            left.pieces += evidence.blobs(stack, account)
            left.pieces += evidence.messages(stack, account)
        left.pieces += evidence.instances(stack)
        left.modes = {name: (stack.state / name).stat().st_mode & 0o777 for name in (*HOLDERS, *WHILE_IT_RUNS)}
        stack.stop()  # so that logs and databases are written to the end
        spec_urls = _spec_urls(stack.state / BATCH_DATABASE)
        stack.start()
        left.spec_urls = {url: httpx.get(url, timeout=30).status_code for url in spec_urls}
        stack.stop()
        left.pieces += evidence.files(stack.state, (*HOLDERS, STORAGE_DISK, *BATCH_DATABASE_FILES))
        yield left


def _spec_urls(database: Path) -> set[str]:
    """Every SAS URL in the Batch service's records."""
    with closing(sqlite3.connect(database)) as records:
        tables = [name for (name,) in records.execute("select name from sqlite_master where type = 'table'")]
        rows = [str(row) for table in tables for row in records.execute(f'select * from "{table}"')]
    return {url for row in rows for url in re.findall(r"http://[^\"\\\s']*sig=[\w%/]+", row)}


def _live(left: Remains, clip: Path) -> None:
    """One of everything that can happen to a job or a message."""
    stack = left.stack
    for name in ("finished", "crashed", "deleted", "spec-gone", "spec-wrong", "wrong-model", "cancelled"):
        stack.upload(clip, f"{name}.mp4")
    stack.data.get_blob_client("videos", "no-video.mp4").upload_blob(b"no video at all " * 64)
    stack.data.get_blob_client("styles", "no-picture.png").upload_blob(_cut_off_picture())
    weights = stack.system.get_blob_client("models", f"{MODEL}.safetensors")
    weights.upload_blob(b"no weights at all", metadata={"sha256": MODEL})

    jobs = {"crashed": _submit(left, video="crashed.mp4")}
    [pid] = wait_for(stack.gpu_task_pids)
    # It keeps the one slot, so what the others need can be spoiled before their tasks start.
    os.kill(pid, signal.SIGSTOP)
    jobs |= {name: _submit(left, video=f"{name}.mp4") for name in ("deleted", "spec-gone", "spec-wrong", "cancelled")}
    specs = {name: _spec(stack, jobs[name]) for name in ("deleted", "spec-gone", "spec-wrong")}
    stack.data.get_blob_client("videos", "deleted.mp4").delete_blob()
    specs["spec-gone"].delete_blob()
    spec = json.loads(specs["spec-wrong"].download_blob().readall())
    specs["spec-wrong"].upload_blob(json.dumps(spec | {"first": "four"}), overwrite=True)
    os.kill(pid, signal.SIGSEGV)
    os.kill(pid, signal.SIGCONT)
    _keep(left, "DELETE", f"/api/jobs/{jobs['cancelled']}")
    jobs |= {
        "finished": _submit(left, video="finished.mp4"),
        "no-video": _submit(left, video="no-video.mp4"),
        "no-picture": _submit(left, video="finished.mp4", style="no-picture"),
        "wrong-model": _submit(left, video="wrong-model.mp4", model=MODEL),
    }
    _send_messages(stack, jobs["finished"])
    left.jobs = {name: stack.wait(job, 200) for name, job in jobs.items()}
    wait_for(lambda: len(stack.system_blobs("deadletter")) >= 4)
    _ask(left, jobs["finished"])


def _cut_off_picture() -> bytes:
    """Its header is right, so the door takes it; the node finds out."""
    whole = io.BytesIO()
    Image.effect_noise((128, 128), 50).save(whole, "PNG")
    return whole.getvalue()[:2_000]


def _submit(left: Remains, **request: object) -> str:
    scorer = {} if {"style", "model"} & request.keys() else {"scorer": "identity"}
    return left.stack.submit(**request, **scorer, options={"chunk_size": 12})


def _spec(stack: KeyedStack, job: str) -> BlobClient:
    [name] = wait_for(lambda: stack.system_blobs("jobs", f"{job}/specs/"))
    return stack.system.get_blob_client("jobs", name)


def _send_messages(stack: KeyedStack, job: str) -> None:
    about = {"version": 1, "job": job, "task": "c00000-a9", "chunk": 0, "attempt": 9, "instance_id": f"{job}:r1:c00009"}
    for queue in ("gpu-tasks", "gpu-results", "gpu-tasks-poison", "gpu-results-poison"):
        stack.send(queue, "not json")
    stack.send("gpu-tasks-poison", json.dumps(about))
    stack.send("gpu-tasks", json.dumps(about | {"run": 9}))  # valid, for a spec that there never was
    stack.send("gpu-results", json.dumps(about | {"outcome": "failed", "reason": "forged"}))


def _ask(left: Remains, job: str) -> None:
    """What HTTP answers, to right and wrong questions."""
    left.stack.call("GET", "/api/jobs")
    for path in (
        "/api/jobs?top=1000",
        f"/api/jobs/{job}",
        f"/api/jobs/{job}/logs",
        "/api/jobs/nobody",
        "/api/styles",
        "/api/jobs?top=x",
    ):
        _keep(left, "GET", path)
    for body in (b"{", b'{"video": 3}', b'{"video": "nobody.mp4", "scorer": "identity"}'):
        _keep(left, "POST", "/api/jobs", content=body)
    _keep(left, "DELETE", f"/api/jobs/{job}")


def _keep(left: Remains, method: str, path: str, **options: object) -> None:
    answer = left.stack.call(method, path, left.stack.keys["default"], **options)
    left.answers.append((f"answer to {method} {path}", str(answer.headers).encode() + answer.content))


def test_the_jobs_ended_as_they_were_meant_to(remains: Remains) -> None:
    """What follows would find no secret in a stack on which nothing happened."""
    status = {name: str(job["runtimeStatus"]) for name, job in remains.jobs.items()}
    failed = ("deleted", "no-video", "no-picture", "wrong-model")
    recovered = ("crashed", "spec-gone", "spec-wrong")  # a task each that died without a word, then another one
    finished = dict.fromkeys(("finished", *recovered), "Completed")
    assert status == {**dict.fromkeys(failed, "Failed"), **finished, "cancelled": "Terminated"}
    said = {name: job["customStatus"] for name, job in remains.jobs.items()}
    assert all(said[name]["reason"] for name in failed)
    assert all(said[name]["retries"] for name in recovered)
    where = " ".join(place for place, _ in remains.pieces)
    for expected in ("up.log", "stderr.txt", "taskhub", "deadletter/gpu-tasks-poison/", "logs/", "instance "):
        assert expected in where


def test_no_blob_message_instance_answer_or_file_holds_a_secret(remains: Remains) -> None:
    pieces = [*remains.pieces, *remains.answers]
    assert len(pieces) > 100
    assert evidence.find_secrets(pieces, remains.keys) == []


def test_the_search_finds_what_is_there(remains: Remains) -> None:
    """Each kind of secret planted once: a search that finds nothing proves nothing by itself."""
    planted = [
        *((name, b"..." + key + b"...") for name, key in remains.keys.items()),
        ("sas", b'{"url": "http://x/y?sp=r&sig=' + b"A1b2%2F" * 7 + b'"}'),
        ("quoted sas", b"sig%3D" + b"A1b2" * 11),
        ("connection", b"AccountName=a;AccountKey=c2VjcmV0LXNlY3JldA==;"),
    ]
    found = {line.split(":")[0] for line in evidence.find_secrets(planted, remains.keys)}
    assert found == {name for name, _ in planted}
    assert evidence.find_secrets([("log", b"https://x/y?sp=r&sig=REDACTED")], remains.keys) == []


def test_no_spec_outlives_its_run(remains: Remains) -> None:
    assert [place for place, _ in remains.pieces if "/specs/" in place and "error.txt" not in place] == []


def test_the_spec_urls_that_batch_still_holds_open_nothing(remains: Remains) -> None:
    """Batch keeps a task's environment for whoever may read the Batch account. After the run that SAS is for a blob
    that is gone."""
    assert len(remains.spec_urls) >= 6
    assert set(remains.spec_urls.values()) == {404}


def test_what_holds_keys_is_for_its_owner_alone(remains: Remains) -> None:
    assert remains.modes == dict.fromkeys((*HOLDERS, *WHILE_IT_RUNS), 0o600)
