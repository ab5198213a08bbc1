"""One job on the chaos stack, as its user sees it, and the clips that jobs are about."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.stack import Stack
from tests.end_to_end.local_stack import OVER, make_clip

FRAMES = 48
SIZE = (160, 96)
# Far above what a run takes, faults included: whoever is not over by then hangs.
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Variant:
    """What a run scores: a clip with or without sound, cut into chunks of so many frames."""

    sound: bool
    chunk_size: int


VARIANTS = (Variant(False, 12), Variant(True, 16), Variant(False, 24))


class Clips:
    """Makes each clip once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def path(self, variant: Variant) -> Path:
        path = self._folder / f"{'sound' if variant.sound else 'silent'}.mp4"
        if not path.exists():
            draft = path.with_suffix(".draft.mp4")
            make_clip(draft, FRAMES, SIZE, sound=variant.sound)
            draft.rename(path)
        return path


@dataclass(frozen=True)
class Job:
    """A submitted job; its Batch job has the same name in its first run. Times by time.monotonic()."""

    id: str
    video: str
    variant: Variant
    submitted: float

    @property
    def request(self) -> dict[str, Any]:
        return request_of(self.video, self.variant)


def request_of(video: str, variant: Variant) -> dict[str, Any]:
    return {"video": video, "scorer": "identity", "options": {"chunk_size": variant.chunk_size}}


def upload(stack: Stack, path: Path, video: str, metadata: dict[str, str] | None = None) -> None:
    with path.open("rb") as file:
        stack.blobs["data"].get_blob_client("videos", video).upload_blob(file, overwrite=True, metadata=metadata)


def video_name(run: str) -> str:
    """A blob of its own for each run; seeds name it, so a run repeated on a new stack is the same job but for etags."""
    return f"run-{hashlib.sha256(run.encode()).hexdigest()[:12]}.mp4"


def submit(stack: Stack, video: str, variant: Variant) -> Job:
    submitted = time.monotonic()
    answer = httpx.post(f"{stack.url}/api/jobs", json=request_of(video, variant), timeout=60)
    if answer.status_code != 202:
        raise AssertionError(f"the job was not taken: {answer.status_code} {answer.text}")
    return Job(answer.json()["id"], video, variant, submitted)


def submit_by_upload(stack: Stack, path: Path, video: str, variant: Variant) -> Job:
    """Through the other door: an upload into a style's folder, with the options as metadata."""
    blob, request = f"starry-night/{video}", request_of(video, variant)
    said = {"scorer": request["scorer"], "options": request["options"]}
    submitted = time.monotonic()
    upload(stack, path, blob, {"atelier_options": json.dumps(said)})
    while time.monotonic() < submitted + 60:
        for job in httpx.get(f"{stack.url}/api/jobs", timeout=60).json()["jobs"]:
            if (job["customStatus"] or {}).get("video") == blob:
                return Job(job["job"], blob, variant, submitted)
        time.sleep(0.2)
    raise AssertionError(f"the upload of {blob} started no job")


def look(stack: Stack, job: str) -> dict[str, Any] | None:
    """The job's state; None while the host does not answer, which some faults see to."""
    try:
        answer = httpx.get(f"{stack.url}/api/jobs/{job}", timeout=30)
    except httpx.TransportError:
        return None
    return answer.json() if answer.status_code == 200 else None


def wait(stack: Stack, job: Job) -> dict[str, Any] | None:
    """The job's state once it is over; None if it never is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        state = look(stack, job.id)
        if state is not None and state["runtimeStatus"] in OVER:
            return state
        time.sleep(0.1)
    return None
