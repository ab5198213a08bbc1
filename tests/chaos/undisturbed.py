"""What a job gives when nothing is broken: the measure of every other."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from tests.chaos import checker, jobs, picture
from tests.chaos.jobs import Clips, Variant
from tests.chaos.picture import Picture
from tests.chaos.stack import Stack


class UndisturbedRunFailed(Exception):
    """Nothing was broken, and yet the job is not what it should be: no other run can be judged."""


@dataclass(frozen=True)
class Measure:
    picture: Picture
    seconds: float


class Undisturbed:
    """Runs each variant once, when it is first asked for."""

    def __init__(self, stack: Stack, clips: Clips) -> None:
        self._stack, self._clips = stack, clips
        self._known: dict[Variant, Measure] = {}
        self._lock = Lock()

    def of(self, variant: Variant) -> Measure:
        """Raises UndisturbedRunFailed."""
        with self._lock:
            if variant not in self._known:
                self._known[variant] = self._run(variant)
            return self._known[variant]

    def _run(self, variant: Variant) -> Measure:
        video = jobs.video_name(f"undisturbed {variant}")
        jobs.upload(self._stack, self._clips.path(variant), video)
        job = jobs.submit(self._stack, video, variant)
        state = jobs.wait(self._stack, job)
        seconds = time.monotonic() - job.submitted
        if state is None or state["runtimeStatus"] != "Completed":
            raise UndisturbedRunFailed(f"{variant}: {state}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "video.mp4"
            blob = self._stack.blobs["data"].get_blob_client("outputs", state["output"]["output"])
            path.write_bytes(blob.download_blob().readall())
            seen = picture.read(path)
        problems = checker.check_result(self._stack, job, state, seen)
        problems += checker.check_leftovers(self._stack, job, finished=True)
        if len(set(seen.frames)) != jobs.FRAMES:
            problems.append(f"{len(set(seen.frames))} different frames, not {jobs.FRAMES}")
        if problems:
            raise UndisturbedRunFailed(f"{variant}: {problems}")
        return Measure(seen, seconds)
