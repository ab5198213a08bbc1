"""The workflow on Microsoft's own durable engine, with activities replaced by name.

`Hands` stands for the activities: each is a method taking the parsed payload. Tests override what should go wrong.
"""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from durabletask.client import OrchestrationState, TaskHubGrpcClient
from durabletask.testing import create_test_backend
from durabletask.worker import TaskHubGrpcWorker

from contracts.job import JobRequest, StartInput
from contracts.messages import FINISHED_EVENT
from orchestrations.fan_out import score_group
from orchestrations.prepare_model import prepare_model
from orchestrations.score_chunk import score_chunk
from orchestrations.score_video import score_video
from orchestrations.stitching import stitch_on_node

FRAMES_PER_CHUNK = 10
POLICY = {
    "max_attempts": 3,
    "poll_seconds": 30.0,
    "progress_seconds": 30.0,
    "chunks_per_group": 500,
    "workers": 2,
    "slots_per_node": 1,
    "node_price_per_hour": 3600.0,
}


class Hands:
    """Activities that succeed at once. `calls` counts them by name; `log` keeps (name, payload) in order."""

    def __init__(self, chunks: int = 3, **policy: Any) -> None:
        self.chunks, self.policy = chunks, POLICY | policy
        self.calls: Counter[str] = Counter()
        self.log: list[tuple[str, dict[str, Any]]] = []
        self.lock = threading.Lock()
        self.send: Callable[[dict[str, Any]], None] = lambda result: None

    def probe_video(self, _: dict[str, Any]) -> dict[str, Any]:
        frames = self.chunks * FRAMES_PER_CHUNK
        return {"frames": frames, "width": 64, "height": 48, "duration": 1.0, "policy": self.policy}

    def plan_chunks(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"chunks": self.chunks, "expected_seconds": 1.0, "expected_cost": 0.0}

    def plan_fit(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"policy": self.policy, "expected_seconds": 9.0, "expected_cost": 9.0}

    def find_model(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"needed": "ready"}

    def claim_fit(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"state": "ours"}

    def measure_fit(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"fit": {"step": 3, "steps": 9, "style": 0.5}}

    def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
        self.send(result_of(task))
        return {"state": "submitted", "span": span_of(task)}

    def submit_fit(self, task: dict[str, Any]) -> dict[str, Any]:
        self.send(result_of(task))
        return {"state": "submitted"}

    def inspect_gpu_task(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"state": "running"}

    def verify_chunk(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"frames": FRAMES_PER_CHUNK}

    def verify_fit(self, check: dict[str, Any]) -> dict[str, Any]:
        return {}

    def bury_task(self, burial: dict[str, Any]) -> dict[str, Any]:
        return {"blob": f"gpu-tasks/{burial['job']}.json"}

    def measure_progress(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"frames": 7}

    def stitch_video(self, run: dict[str, Any]) -> dict[str, Any]:
        return {"stitched": stitched_of(run)}

    def submit_stitch(self, task: dict[str, Any]) -> dict[str, Any]:
        self.send(result_of(task))
        return {"state": "submitted"}

    def verify_stitch(self, check: dict[str, Any]) -> dict[str, Any]:
        return {}

    def publish_stitched(self, ref: dict[str, Any]) -> dict[str, Any]:
        return stitched_of(ref)

    def publish(self, publication: dict[str, Any]) -> dict[str, Any]:
        job = publication["job"]
        return {
            "job": job,
            "output": f"{job}/video.mp4",
            "ledger": f"{job}/ledger.json",
            "provenance": f"{job}/provenance.json",
            "frames": self.chunks * FRAMES_PER_CHUNK,
            "output_bytes": 1,
            "output_sha256": "0" * 64,
            "cost": publication["cost"],
            "wasted_seconds": publication["wasted_seconds"],
            "wasted_cost": publication["wasted_cost"],
            "makespan": {
                "expected_seconds": 1.0,
                "actual_seconds": publication["scoring_seconds"],
                "frames": self.chunks * FRAMES_PER_CHUNK,
            },
        }

    def end_run(self, end: dict[str, Any]) -> dict[str, Any]:
        return {"job": end["job"], "run": end["run"]}

    def payloads(self, name: str) -> list[dict[str, Any]]:
        return [payload for called, payload in self.log if called == name]


ACTIVITIES = [name for name in vars(Hands) if not name.startswith("_") and name != "payloads"]


def stitched_of(run: dict[str, Any]) -> dict[str, Any]:
    """The video of a run, published."""
    return {"output": f"{run['job']}/video.mp4", "output_sha256": "0" * 64, "output_bytes": 1, "audio": []}


def span_of(task: dict[str, Any]) -> list[int]:
    """The frames that a task of this workflow is about."""
    first = task["chunk"] * FRAMES_PER_CHUNK
    return task["piece"] or [first, first + FRAMES_PER_CHUNK - 1]


def result_of(task: dict[str, Any], /, **changes: Any) -> dict[str, Any]:
    """The message that a task which succeeded in 2 s would send."""
    result = {key: task[key] for key in ("job", "task", "chunk", "piece", "attempt", "instance_id")}
    return {**result, "outcome": "succeeded", "seconds": {"total": 2.0}, **changes}


def start_input(**changes: Any) -> dict[str, Any]:
    request = JobRequest(video="starry-night/clip.mp4", style="starry-night")
    pinned = StartInput(job="clip-0123456789abcdef", request=request, video_etag='"0x1"', video_bytes=10)
    return pinned.model_copy(update=changes).model_dump(mode="json")


@contextmanager
def workflow(hands: Hands) -> Iterator[TaskHubGrpcClient]:
    """A client of a running engine whose worker has the orchestrations and `hands`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    backend = create_test_backend(port=port)
    worker = TaskHubGrpcWorker(host_address=f"127.0.0.1:{port}")
    client = TaskHubGrpcClient(host_address=f"127.0.0.1:{port}")
    for orchestration in (score_video, prepare_model, score_group, score_chunk, stitch_on_node):
        worker.add_orchestrator(orchestration)
    for name in ACTIVITIES:
        worker.add_activity(_activity(name, hands))
    hands.send = lambda result: client.raise_orchestration_event(result["instance_id"], FINISHED_EVENT, data=result)
    worker.start()
    try:
        yield client
    finally:
        worker.stop()
        client.close()
        backend.stop()


def run(hands: Hands, **changes: Any) -> OrchestrationState:
    """Run one job to its end."""
    with workflow(hands) as client:
        payload = start_input(**changes)
        client.schedule_new_orchestration("score_video", input=payload, instance_id=payload["job"])
        state = client.wait_for_orchestration_completion(payload["job"], timeout=60)
        assert state is not None
        return state


def _activity(name: str, hands: Hands) -> Callable[[Any, dict[str, Any]], Any]:
    def activity(_: Any, payload: dict[str, Any]) -> Any:
        with hands.lock:
            hands.calls[name] += 1
            hands.log.append((name, payload))
        return getattr(hands, name)(payload)

    activity.__name__ = name
    return activity
