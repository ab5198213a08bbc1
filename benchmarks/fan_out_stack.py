"""What the fan-out benchmark asks of a running stack, past the client: jobs, tasks, processes."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient

from benchmarks import job_phases
from benchmarks.local_system import running_stack
from benchmarks.process_tree import members, tree_cpu
from contracts import layout

LOOK_SECONDS = 2.0  # between two status queries, as a user's dashboard asks
SAMPLE = 40  # chunks whose histories are read
OVER = ("Completed", "Failed", "Terminated")
# What a process of the stack is, by its command line. The Functions host and the Batch service are one process.
PARTS = {
    "host": r"-m local up",
    "azurite": r"azurite",
    "warm python": r"zygote\.py",
    "watchdogs": r"watchdog\.py",
}


@dataclass(frozen=True)
class Status:
    """One answer of GET /api/jobs/<job>."""

    milliseconds: float
    bytes: int


@dataclass(frozen=True)
class FanOut:
    """A job that is over. `scoring` seconds are from the fan-out to the last verified chunk, `after` of the phases that
    follow, `wall` all of the job's; `cpu` of all processes of the stack, until what the job left behind is removed.
    `tasks` are what each task told, `told` a sample of what the workflow saw."""

    chunks: int
    wall: float
    scoring: float
    after: Mapping[str, float]
    cpu: float
    statuses: list[Status]
    tasks: list[Mapping[str, Any]]
    told: list[Mapping[str, Any]]
    megabytes: Mapping[str, float]


class FanOutStack:
    """Clients of one running stack."""

    def __init__(self, state: Path, process: int, at: Mapping[str, Any], opened: ExitStack) -> None:
        self._process, self._functions = process, at["functions"]
        key = json.loads((state / "storage-keys.json").read_text())["system"]
        account = f"DefaultEndpointsProtocol=http;AccountName=system;AccountKey={key};"
        system = f"{account}BlobEndpoint={at['blobs'].rstrip('/')}/system;"
        self._system = opened.enter_context(BlobServiceClient.from_connection_string(system))
        self._data = opened.enter_context(BlobServiceClient.from_connection_string(at["data_storage"]))
        credential = AzureNamedKeyCredential("local", (state / "batch" / "account.key").read_text())
        self._batch = opened.enter_context(BatchClient(at["batch"], credential))
        self._http = opened.enter_context(httpx.Client(base_url=at["functions"], timeout=60))

    def score(self, clip: Path, chunks: int) -> FanOut:
        """One job of one-frame chunks, from its request to its end.

        Raises:
            RuntimeError: the job failed.
        """
        self._upload(clip)
        spent, began, clock = tree_cpu(self._process), datetime.now(UTC), time.monotonic()
        request = {"video": clip.name, "scorer": "identity", "options": {"chunk_size": 1}}
        job = self._http.post("/api/jobs", json=request).raise_for_status().json()["id"]
        statuses = list(self._watch(job))
        wall, ended = time.monotonic() - clock, datetime.now(UTC)
        self._await_clean_up(job)
        cpu = tree_cpu(self._process) - spent
        phases = job_phases.phases(job_phases.fetch_history(self._functions, job), began, ended)
        return FanOut(
            chunks=chunks,
            wall=wall,
            scoring=phases["score"],
            after={phase: phases[phase] for phase in ("stitch", "publish", "end")},
            cpu=cpu,
            statuses=statuses,
            tasks=self._tasks(job),
            told=list(self._told(job, chunks)),
            megabytes=self.peak_megabytes(),
        )

    def _upload(self, clip: Path) -> None:
        with clip.open("rb") as file:
            self._data.get_blob_client(layout.VIDEOS, clip.name).upload_blob(file, overwrite=True)

    def _watch(self, job: str) -> Iterator[Status]:
        while True:
            began = time.perf_counter()
            answer = self._http.get(f"/api/jobs/{job}")
            seconds = time.perf_counter() - began
            state = answer.raise_for_status().json()
            if state["runtimeStatus"] in OVER:
                break
            yield Status(1000 * seconds, len(answer.content))
            time.sleep(LOOK_SECONDS)
        if state["runtimeStatus"] != "Completed":
            raise RuntimeError(f"job {job}: {state['runtimeStatus']}: {state['customStatus'].get('reason')}")

    def _await_clean_up(self, job: str) -> None:
        """Nobody waits for it, but it is part of what the job costs, and shall not be the next one's."""
        guard = f"/runtime/webhooks/durabletask/instances/{layout.guard_instance(job, 1)}"
        while self._http.get(guard).raise_for_status().json()["runtimeStatus"] not in OVER:
            time.sleep(0.5)

    def _tasks(self, job: str) -> list[Mapping[str, Any]]:
        """Each task's own seconds, with Batch's: `queue` until Batch had it, `launch` until its program ran, `node` for
        all that it kept the node busy."""
        logs = self._system.get_container_client(layout.LOGS)
        names = [name for name in logs.list_blob_names(name_starts_with=f"{job}/") if name.endswith(".timings.json")]
        found = [json.loads(logs.download_blob(name).readall()) for name in names]
        ran = {str(task.id): task for task in self._batch.list_tasks(layout.batch_job(job, 1))}
        return [_seconds_of(told, ran[told["task"]]) for told in found]

    def _told(self, job: str, chunks: int) -> Iterator[Mapping[str, Any]]:
        """What the workflow saw of some chunks; the host forgets those that ended long ago."""
        for number in range(0, chunks, max(1, chunks // SAMPLE)):
            name = layout.chunk_instance(job, number, 1)
            if self._http.get(f"/runtime/webhooks/durabletask/instances/{name}").status_code in (200, 202):
                history = job_phases.fetch_history(self._functions, name)
                task = job_phases.task_times(history)
                over = [event["Timestamp"] for event in history if event["EventType"] == "ExecutionCompleted"]
                if task and over:
                    yield {**task, "verify": job_phases.parse_time(over[-1]).timestamp() - task["ended"] - task["told"]}

    def peak_megabytes(self) -> dict[str, float]:
        """The largest resident size so far of each part of the stack (Linux)."""
        found: dict[str, float] = {}
        for pid in members(self._process):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                status = Path(f"/proc/{pid}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            part = next((part for part, sign in PARTS.items() if re.search(sign, command)), None)
            if part and (peak := re.search(r"VmHWM:\s+(\d+)", status)):
                found[part] = max(found.get(part, 0.0), round(int(peak[1]) / 1024, 1))
        return found


@contextmanager
def fan_out_stack(state: Path, nodes: int, command: str) -> Iterator[FanOutStack]:
    """A stack of `nodes` nodes whose tasks are run by `command`; one small job has warmed it up."""
    with running_stack(state, nodes, {"BATCH_TASK_COMMAND": command}) as up, ExitStack() as opened:
        stack = FanOutStack(state, up.process, up.endpoints, opened)
        stack.score(make_clip(state / "first.mp4", 4), 4)
        yield stack


def make_clip(path: Path, frames: int) -> Path:
    """H.264, 160x96, of intra frames alone, so that a chunk of one frame decodes one frame."""
    y, x = np.mgrid[0:96, 0:160]
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("libx264", rate=30, options={"g": "1", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(frames):
            rgb = np.stack([(x + 3 * number) % 256, (2 * y + number) % 256, (x + y) % 256], -1).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _seconds_of(told: Mapping[str, Any], ran: Any) -> dict[str, float]:
    own = told["seconds"]
    created, started, ended = (
        when.timestamp()
        for when in (ran.creation_time, ran.execution_info.start_time, ran.execution_info.end_time)
    )  # fmt: skip
    began = told["submitted_at"] + own["queue"]
    return {
        "queue": created - told["submitted_at"],
        "launch": began - started,
        "start": own["start"],
        "input and output": own["total"] - own["start"] - own["score"],
        "score": own["score"],
        "report": ended - began - own["total"],
        "node": ended - started,
        "peak_megabytes": told["peak_memory_bytes"] / 2**20,
    }
