"""What a job gives when nothing is broken: the measure of every other."""

import time
from dataclasses import dataclass
from threading import Lock

from tests.chaos import checker, jobs
from tests.chaos.checker import Expected
from tests.chaos.jobs import Clips, Variant
from tests.chaos.stack import Stack


class UndisturbedRunFailed(Exception):
    """Nothing was broken, and yet the job is not what it should be: no other run can be judged."""


@dataclass(frozen=True)
class Measure:
    expected: Expected
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

    @property
    def shortest_seconds(self) -> float:
        """Of the runs so far. The first on a new stack takes longer than those after it."""
        return min(measure.seconds for measure in self._known.values())

    def _run(self, variant: Variant) -> Measure:
        video = jobs.video_name(f"undisturbed {variant}")
        jobs.upload(self._stack, self._clips.path(variant), video)
        job = jobs.submit(self._stack, video, variant)
        state = jobs.wait(self._stack, job)
        seconds = time.monotonic() - job.submitted
        if state is None or state["runtimeStatus"] != "Completed":
            raise UndisturbedRunFailed(f"{variant}: {state}")
        found, ledger = checker.read_result(self._stack, state)
        expected = Expected(found, frozenset((entry.first, entry.last) for entry in ledger.entries))
        problems = checker.check_ledger(ledger) + checker.check_leftovers(self._stack, job, finished=True)
        if len(set(found.frames)) != jobs.FRAMES:
            problems.append(f"{len(set(found.frames))} different frames, not {jobs.FRAMES}")
        if problems:
            raise UndisturbedRunFailed(f"{variant}: {problems}")
        return Measure(expected, seconds)
