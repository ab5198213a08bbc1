"""One run: a job, one fault or two at random moments of its life, and what came of it.

All that is random in a run follows from its seed, which names its faults: `gpu-task-killed:17`, or
`gpu-task-killed+batch-errors:17`.
"""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.chaos import checker, jobs
from tests.chaos.faults.catalogue import FAULTS
from tests.chaos.faults.fault import Fault, Scene, TooLate
from tests.chaos.jobs import Clips, Job, Variant
from tests.chaos.stack import Stack
from tests.chaos.undisturbed import Undisturbed

# A fault strikes within this share of an undisturbed job's time, so that most strike before the job is over.
_STRIKES_WITHIN = 0.6
_FAULT_SECONDS = 400.0

Result = Literal["completed", "completed after retries", "failed", "VIOLATION"]


class UnknownFault(ValueError):
    """A seed names a fault that there is none of."""


@dataclass(frozen=True)
class RunPlan:
    """What a seed stands for; `moments` are shares of an undisturbed job's time, one per fault."""

    seed: str
    faults: tuple[type[Fault], ...]
    variant: Variant
    moments: tuple[float, ...]

    @classmethod
    def of(cls, seed: str, variants: tuple[Variant, ...] = jobs.VARIANTS) -> "RunPlan":
        """Raises UnknownFault."""
        names = seed.rpartition(":")[0].split("+")
        if unknown := [name for name in names if name not in FAULTS]:
            raise UnknownFault(f"{seed!r}: no fault {unknown[0]!r}; there are {', '.join(FAULTS)}")
        rng = random.Random(seed)
        faults = tuple(FAULTS[name] for name in names)
        variant = rng.choice(variants)
        moments = tuple(0.0 if fault.at_once else rng.uniform(0, _STRIKES_WITHIN) for fault in faults)
        return cls(seed, faults, variant, moments)

    @property
    def alone(self) -> bool:
        return any(fault.alone for fault in self.faults)

    @property
    def may_fail(self) -> str | None:
        return "|".join(fault.may_fail for fault in self.faults if fault.may_fail) or None


@dataclass
class Outcome:
    """What came of a run. `broke` says per fault what was done, None where the job was over before it could strike.

    `recovery_seconds` is wall time beyond that of an undisturbed run: a figure for the record.
    """

    seed: str
    result: Result
    faults: tuple[str, ...]
    broke: list[str | None]
    retries: int = 0
    seconds: float = 0.0
    recovery_seconds: float = 0.0
    reason: str | None = None
    problems: list[str] = field(default_factory=list[str])

    @property
    def struck(self) -> bool:
        return all(self.broke)

    def add(self, problems: list[str]) -> None:
        if problems:
            self.problems += problems
            self.result = "VIOLATION"


class Striker(threading.Thread):
    """Injects one fault when its moment has come."""

    def __init__(self, fault: Fault, scene: Scene, at: float) -> None:
        super().__init__(name=fault.name, daemon=True)
        self.fault, self.scene, self._at = fault, scene, at
        self.broke: str | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        self.scene.rest(max(0.0, self._at - time.monotonic()))
        if self.scene.over.is_set() and not self.fault.at_once:
            return
        try:
            self.broke = self.fault.inject(self.scene)
        except TooLate:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the run reports it as a violation
            self.error = error


def perform(stack: Stack, clips: Clips, undisturbed: Undisturbed, plan: RunPlan) -> Outcome:
    """Does one run and checks everything that can be checked while others go on."""
    job = _submit(stack, clips, plan)
    expected = undisturbed.of(plan.variant)
    over = threading.Event()
    strikers = [
        Striker(
            fault(),
            Scene(stack, job, random.Random(f"{plan.seed}/{fault.name}"), over),
            job.submitted + moment * undisturbed.shortest_seconds,
        )
        for fault, moment in zip(plan.faults, plan.moments, strict=True)
    ]
    for striker in strikers:
        striker.start()
    state = jobs.wait(stack, job)
    seconds = time.monotonic() - job.submitted
    over.set()
    for striker in strikers:
        striker.join(_FAULT_SECONDS)
    problems = _judge(stack, job, state, plan, undisturbed)
    for striker in strikers:
        striker.fault.lift(striker.scene)
        problems += _own_problems(striker)
    return _outcome(plan, strikers, state, seconds, expected.seconds, problems)


def _submit(stack: Stack, clips: Clips, plan: RunPlan) -> Job:
    path, video = clips.path(plan.variant), jobs.video_name(plan.seed)
    if any(fault.by_upload for fault in plan.faults):
        return jobs.submit_by_upload(stack, path, video, plan.variant)
    jobs.upload(stack, path, video)
    return jobs.submit(stack, video, plan.variant)


def _own_problems(striker: Striker) -> list[str]:
    if striker.is_alive():
        return [f"{striker.fault.name} did not end"]
    if striker.error is not None:
        return [f"{striker.fault.name} could not be injected: {type(striker.error).__name__}: {striker.error}"]
    return striker.fault.problems(striker.scene)


def _judge(stack: Stack, job: Job, state: dict[str, Any] | None, plan: RunPlan, undisturbed: Undisturbed) -> list[str]:
    if state is None:
        return [f"the job is not over after {jobs.PATIENCE_SECONDS:.0f} s: {jobs.look(stack, job.id)}"]
    finished = state["runtimeStatus"] == "Completed"
    if finished:
        problems = checker.check_result(*checker.read_result(stack, state), undisturbed.of(plan.variant).expected)
    else:
        problems = checker.check_reason(state, plan.may_fail)
    return problems + checker.check_leftovers(stack, job, finished=finished)


def _outcome(
    plan: RunPlan,
    strikers: list[Striker],
    state: dict[str, Any] | None,
    seconds: float,
    undisturbed_seconds: float,
    problems: list[str],
) -> Outcome:
    status: dict[str, Any] = (state or {}).get("customStatus") or {}
    retries = status.get("retries", 0)
    finished = state is not None and state["runtimeStatus"] == "Completed"
    outcome = Outcome(
        seed=plan.seed,
        result=("completed after retries" if retries else "completed") if finished else "failed",
        faults=tuple(fault.name for fault in plan.faults),
        broke=[striker.broke for striker in strikers],
        retries=retries,
        seconds=round(seconds, 1),
        recovery_seconds=round(max(0.0, seconds - undisturbed_seconds), 1),
        reason=None if finished else status.get("reason"),
    )
    outcome.add(problems)
    return outcome
