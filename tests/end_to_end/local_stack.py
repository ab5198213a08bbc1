"""A local stack in a process of its own, and what a user can ask of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import httpx
import numpy as np
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient, TextBase64EncodePolicy

ROOT = Path(__file__).parents[2]
# Tests wait for the safety net too; a real deployment asks Batch once a minute.
QUICK = {"GPU_TASK_POLL_SECONDS": "2", "PROGRESS_SECONDS": "0.5"}
OVER = ("Completed", "Failed", "Terminated")


class LocalStack:
    """`python -m local up` on free ports with a state folder; `kill` it and `start` it again to test recovery."""

    def __init__(
        self,
        state: Path,
        nodes: int = 1,
        slots: int = 1,
        settings: dict[str, str] | None = None,
        *,
        cold_nodes: bool = False,
    ) -> None:
        self.state = state
        self._size = ["--nodes", str(nodes), "--slots", str(slots), *(["--cold-nodes"] if cold_nodes else [])]
        self.change_settings(**(settings or {}))
        self._process: subprocess.Popen[str] | None = None

    def change_settings(self, **settings: str) -> None:
        """Other settings than before, from the next `start` on."""
        self._command = [sys.executable, "-m", "local", "up", "--state", str(self.state), "--port", "0", *self._size]
        for name, value in (QUICK | settings).items():
            self._command += ["--set", f"{name}={value}"]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "up.log").open("a") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("Atelier is up"):
            raise AssertionError(f"the stack did not start: {(self.state / 'up.log').read_text()[-4000:]}")
        self.endpoints: dict[str, str] = json.loads((self.state / "endpoints.json").read_text())
        self.url = self.endpoints["functions"]
        self.data = BlobServiceClient.from_connection_string(self.endpoints["data_storage"])
        self.system = BlobServiceClient.from_connection_string(self._system_storage())
        self.queues = QueueServiceClient.from_connection_string(self._system_storage())

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
        self._close()

    def kill(self) -> None:
        """SIGKILL, as a power cut would: no clean-up of any kind."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._close()

    def _close(self) -> None:
        if self._process and self._process.stdout:
            self._process.stdout.close()
        for client in (self.data, self.system, self.queues):
            client.close()

    def _system_storage(self) -> str:
        key = json.loads((self.state / "storage-keys.json").read_text())["system"]
        blobs, queues = (self.endpoints[kind].rstrip("/") for kind in ("blobs", "queues"))
        return (
            f"DefaultEndpointsProtocol=http;AccountName=system;AccountKey={key};"
            f"BlobEndpoint={blobs}/system;QueueEndpoint={queues}/system;"
        )

    # -- doors ---------------------------------------------------------------------------------------------------

    def upload(self, path: Path, blob: str, metadata: dict[str, str] | None = None) -> None:
        with path.open("rb") as file:
            self.data.get_blob_client("videos", blob).upload_blob(file, overwrite=True, metadata=metadata)

    def post(self, **request: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/api/jobs", json=request, timeout=30)

    def submit(self, **request: Any) -> str:
        answer = self.post(**request)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def job(self, job: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.url}/api/jobs/{job}", timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def jobs(self) -> list[dict[str, Any]]:
        return httpx.get(f"{self.url}/api/jobs", timeout=30).json()["jobs"]

    def delete(self, job: str) -> httpx.Response:
        return httpx.delete(f"{self.url}/api/jobs/{job}", timeout=30)

    def retry(self, job: str) -> httpx.Response:
        return httpx.post(f"{self.url}/api/jobs/{job}/retry", timeout=30)

    def durable(self, method: str, path: str) -> httpx.Response:
        """A call of the Durable management API."""
        return httpx.request(method, f"{self.url}/runtime/webhooks/durabletask/{path}", timeout=30)

    def instances_under_way(self, job: str) -> list[str]:
        """Ids of the job's orchestrations that are not over: its own, its chunks' and its guard's."""
        query = f"instances?instanceIdPrefix={job}&runtimeStatus=Running,Pending,Suspended&top=1000"
        return [instance["instanceId"] for instance in self.durable("GET", query).json()]

    def wait(self, job: str, seconds: float = 120) -> dict[str, Any]:
        """The job once it is over."""
        return wait_for(lambda: found if (found := self.job(job))["runtimeStatus"] in OVER else None, seconds)

    # -- behind the doors ----------------------------------------------------------------------------------------

    def system_blobs(self, container: str, prefix: str = "") -> list[str]:
        return list(self.system.get_container_client(container).list_blob_names(name_starts_with=prefix))

    def download(self, blob: str, path: Path) -> Path:
        path.write_bytes(self.data.get_blob_client("outputs", blob).download_blob().readall())
        return path

    def send(self, queue: str, text: str) -> None:
        client = self.queues.get_queue_client(queue, message_encode_policy=TextBase64EncodePolicy())
        client.send_message(text)

    def waiting(self, queue: str) -> int | None:
        """Messages in the queue, those in work included."""
        return self.queues.get_queue_client(queue).get_queue_properties().approximate_message_count

    def batch(self) -> BatchClient:
        """A client of the stack's Batch account."""
        key = (self.state / "batch" / "account.key").read_text().strip()
        return BatchClient(self.endpoints["batch"], AzureNamedKeyCredential("local", key))

    def active_batch_jobs(self) -> list[str]:
        """Batch jobs that take tasks or still run some."""
        with self.batch() as client:
            return [str(job.id) for job in client.list_jobs() if job.state != "completed"]

    def batch_tasks(self, batch_job: str) -> list[str]:
        """Ids of the tasks that a Batch job was given."""
        with self.batch() as client:
            return sorted(str(task.id) for task in client.list_tasks(batch_job))

    def gpu_task_pids(self) -> list[int]:
        """Processes of `python -m gpu_task` that belong to this stack."""
        found: list[int] = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
                inside = str((folder / "cwd").readlink())
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it ended while we looked
            if b"gpu_task" in command and inside.startswith(str(self.state)):
                found.append(int(folder.name))
        return found


def wait_for[T](look: Callable[[], T | None], seconds: float = 60) -> T:
    """What `look` returns once it is not None (or empty)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"nothing came within {seconds} s")


def make_clip(path: Path, frames: int, size: tuple[int, int] = (160, 96), gop: int = 12, sound: bool = True) -> Path:
    """H.264 with a number's worth of moving colours, and a stereo tone as AAC."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    with av.open(str(path), "w") as output:
        video: Any = output.add_stream("libx264", rate=30, options={"g": str(gop), "bf": "2", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio: Any = output.add_stream("aac", rate=44100, layout="stereo") if sound else None
        for number in range(frames):
            rgb = np.stack([(x + 3 * number) % 256, (2 * y + number) % 256, (x + y) % 256], -1).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for begin in range(0, int(44100 * frames / 30), 1024) if sound else ():
            n = np.arange(begin, begin + 1024)
            samples = np.stack([0.2 * np.sin(2 * np.pi * f * n / 44100) for f in (220, 330)]).astype(np.float32)
            part = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            part.sample_rate, part.pts, part.time_base = 44100, begin, Fraction(1, 44100)
            output.mux(audio.encode(part))
        if sound:
            output.mux(audio.encode(None))
    return path
