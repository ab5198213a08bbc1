"""Hundreds of hostile messages while a healthy job runs: it finishes, and each of them is accounted for."""

import base64
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from azure.storage.queue import TextBase64EncodePolicy

from tests.end_to_end.local_stack import LocalStack, make_clip, wait_for

pytestmark = pytest.mark.timeout(300)

QUEUES = ("gpu-tasks", "gpu-results")
MESSAGES, FORGERIES = 300, 25


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("attacked"), nodes=2) as running:
        yield running


def forgeries(job: str) -> list[tuple[str, str]]:
    """Results made well: a chunk that is being scored is said to have failed for good, by its task and by others."""
    told = {"outcome": "failed", "cause": "job", "reason": "the video is gone"}
    attempts = (1 if n % 2 else 50 + n for n in range(FORGERIES))
    return [("gpu-results", _encoded(json.dumps(_about(job, attempt) | told))) for attempt in attempts]


def nonsense(job: str) -> list[tuple[str, str]]:
    """(queue, text as it lies on the queue), no two alike; `job` is one that really runs."""
    about, chance = _about(job, 9), random.Random(7)
    made: tuple[Callable[[int], str], ...] = (
        lambda n: f"<not base64 {n}>",
        lambda n: base64.b64encode(chance.randbytes(1 + n)).decode(),
        lambda n: _encoded("[" * (n + 30_000)),
        lambda n: _encoded('{"job": ' * (n + 3_000)),
        lambda n: _encoded(json.dumps({"version": 7 + n, **about})),
        lambda n: _encoded(json.dumps({"n": n, "chunk": float("nan")})),
        lambda n: _encoded(json.dumps(about | {"chunk": 10 ** (20 + n)})),
        lambda n: _encoded(json.dumps(about | {"instance_id": job, "n": n})),
        lambda n: _encoded(json.dumps(about | {"job": f"../../outputs/{n}"})),
        lambda n: _encoded(json.dumps(about | {"outcome": "failed", "reason": "\ud800" * (n + 5)})),
        lambda n: _encoded(json.dumps(about | {"outcome": "failed", "reason": "r" * (47_000 - n)})),
    )
    return [(QUEUES[n // len(made) % 2], made[n % len(made)](n)) for n in range(MESSAGES - FORGERIES)]


def _about(job: str, attempt: int) -> dict[str, object]:
    named = {"job": job, "chunk": 0, "instance_id": f"{job}:r1:c00000"}
    return named | {"task": f"c00000-a{attempt}", "attempt": attempt}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def throw(stack: LocalStack, texts: list[tuple[str, str]]) -> None:
    clients = {queue: stack.queues.get_queue_client(queue, message_encode_policy=None) for queue in QUEUES}
    for queue, text in texts:
        clients[queue].send_message(text)


def test_a_healthy_job_finishes_and_every_hostile_message_is_archived(attacked: LocalStack, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=60)
    attacked.upload(clip, "healthy.mp4")
    job = attacked.submit(video="healthy.mp4", scorer="identity", options={"chunk_size": 20})
    wait_for(lambda: attacked.system_blobs("jobs", f"{job}/specs/r1-c00000-a1"))
    throw(attacked, forgeries(job))
    wait_for(lambda: len(attacked.system_blobs("deadletter")) == FORGERIES, 30)  # late, they would be let go
    throw(attacked, nonsense(job))

    ended = attacked.wait(job, 200)
    assert ended["runtimeStatus"] == "Completed", ended
    assert ended["customStatus"]["retries"] == 0

    queues = [*QUEUES, *(f"{queue}-poison" for queue in QUEUES)]
    wait_for(lambda: all(attacked.waiting(queue) == 0 for queue in queues), 60)
    kept = attacked.system_blobs("deadletter")
    assert Counter(name.split("/")[0] for name in kept) == Counter(queue for queue, _ in forgeries(job) + nonsense(job))
    for name in random.Random(3).sample(kept, 30):
        letter = json.loads(attacked.system.get_blob_client("deadletter", name).download_blob().readall())
        assert letter["reason"], name


def test_dead_letters_are_listed_shown_and_dropped_over_http(attacked: LocalStack) -> None:
    text = '{"shown": true}'
    attacked.queues.get_queue_client("gpu-tasks", message_encode_policy=TextBase64EncodePolicy()).send_message(text)
    api = f"{attacked.url}/api/deadletter"

    def mine() -> str | None:
        entries = httpx.get(api, params={"top": 200}, timeout=30).json()["entries"]
        shown = (httpx.get(f"{api}/{e['queue']}/{e['entry']}", timeout=30).json() for e in entries[:20])
        return next((f"{e['queue']}/{e['entry']}" for e in shown if e["body"] == text), None)

    entry = wait_for(mine, 120)
    refused = httpx.post(f"{api}/{entry}/replay", timeout=30)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "entry")
    assert httpx.delete(f"{api}/{entry}", timeout=30).status_code == 200
    assert httpx.get(f"{api}/{entry}", timeout=30).status_code == 404
    assert httpx.get(f"{api}/jobs/..%2Fx", timeout=30).status_code == 404
