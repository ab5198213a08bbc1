"""One piece of GPU work from submission to a verified result: attempts, the event, and the safety net.

A task that finishes sends the event `gpu-task-finished`. One that dies without a word is found by a timer: Batch and
storage are asked what became of it. So a lost message costs time, never a frame.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from durabletask.task import OrchestrationContext, when_any

from contracts.frame_runs import FrameRun
from contracts.messages import FINISHED_EVENT, Cause, GpuResult
from contracts.steps import Check, Inspection, Policy, RunRef, Submitted, TaskRef, Verdict
from contracts.task_spec import Replacement
from orchestrations.calling import Step, call

# A message may wait in the queue behind others while Batch knows nothing of its task yet; after this many looks in a
# row it is taken for lost. A second task for the same work does no harm: its output has another name.
LOOKS_BEFORE_LOST = 5
# A task that has ended may have sent its result a moment ago: so long that message is waited for, since it says why.
GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class GpuWork:
    """What is to be done, and how its attempts are named: `attempts` are their numbers."""

    run: RunRef
    chunk: int | None
    submit: str
    verify: str
    task_name: Callable[[int], str]
    attempts: range
    piece: FrameRun | None = None
    replacement: Replacement | None = None
    bad_reason: str | None = None

    @classmethod
    def of_run(
        cls, run: RunRef, policy: Policy, *, submit: str, verify: str, task_name: Callable[[int], str]
    ) -> "GpuWork":
        """Work that a run has once, and not for each chunk."""
        attempts = range(1, policy.max_attempts + 1)
        return cls(run=run, chunk=None, submit=submit, verify=verify, task_name=task_name, attempts=attempts)


@dataclass(frozen=True)
class Failure:
    """Why one attempt failed. `bad_frames` are those that its task named."""

    task: TaskRef
    at: datetime
    reason: str
    cause: Cause | None
    bad_frames: tuple[FrameRun, ...] = ()


@dataclass(frozen=True)
class Effort:
    """How the work went. `submitted` is the app's last answer, `verdict` that on the task's output if it was right,
    `result` what that task said.

    Seconds are of GPU tasks, failed attempts included; `tasks` counts those that were submitted.
    """

    state: Literal["done", "partial", "ended", "failed"]
    submitted: Submitted
    verdict: Verdict | None
    failures: tuple[Failure, ...]
    tasks: int
    seconds: float
    wasted_seconds: float
    result: GpuResult | None = None

    @property
    def reason(self) -> str:
        """Each different reason once: three attempts usually fail for the same one."""
        different = "; ".join(dict.fromkeys(failure.reason for failure in self.failures))
        count = len(self.failures)
        return f"{count} {'attempt' if count == 1 else 'attempts'} failed: {different}"[:4_000]


class Mailbox:
    """Waits for `gpu-task-finished`, one waiter at a time, for as long as the orchestration lives.

    An event goes to the oldest waiter, so a waiter left behind by an earlier attempt would swallow the next one's.
    """

    def __init__(self, ctx: OrchestrationContext) -> None:
        self._ctx = ctx
        self.event = ctx.wait_for_external_event(FINISHED_EVENT)

    def take(self) -> GpuResult:
        """The result that has arrived."""
        result = GpuResult.model_validate(self.event.get_result())
        self.event = self._ctx.wait_for_external_event(FINISHED_EVENT)
        return result


def do_gpu_work(ctx: OrchestrationContext, mailbox: Mailbox, work: GpuWork, policy: Policy) -> Step[Effort]:
    """Try, each time with a task id of its own, until it is done, or until another try cannot help."""
    failures: list[Failure] = []
    wasted = 0.0
    submitted = Submitted(state="ended")
    for attempt in work.attempts:
        task = _task(ctx, work, attempt)
        submitted = yield from call(ctx, work.submit, task, Submitted)
        if submitted.state != "submitted":
            return Effort(submitted.state, submitted, None, tuple(failures), len(failures), wasted, wasted)
        result = yield from _await_result(ctx, mailbox, task, policy)
        tasks = len(failures) + 1
        if result is None:
            return Effort("ended", submitted, None, tuple(failures), tasks, wasted, wasted)
        verdict = yield from _verify(ctx, work.verify, task, result)
        seconds = result.seconds.total
        if verdict.problem is None:
            return Effort("done", submitted, verdict, tuple(failures), tasks, wasted + seconds, wasted, result)
        wasted += seconds
        at = ctx.current_utc_datetime
        # A task that said it succeeded, and whose output is not right, was not stopped by a frame.
        cause = result.cause if result.outcome == "failed" else "node"
        failures.append(Failure(task, at, verdict.problem, cause, result.bad_frames))
        if result.cause in ("frame", "job"):
            break
    return Effort("failed", submitted, None, tuple(failures), len(failures), wasted, wasted)


def _task(ctx: OrchestrationContext, work: GpuWork, attempt: int) -> TaskRef:
    return TaskRef(
        job=work.run.job,
        run=work.run.run,
        chunk=work.chunk,
        piece=work.piece,
        attempt=attempt,
        task=work.task_name(attempt),
        instance_id=ctx.instance_id,
        replacement=work.replacement,
        bad_reason=work.bad_reason,
    )


def _await_result(ctx: OrchestrationContext, mailbox: Mailbox, task: TaskRef, policy: Policy) -> Step[GpuResult | None]:
    """The task's result, or None where its run has ended."""
    missing, ended = 0, False
    while True:
        patience = min(policy.poll_seconds, GRACE_SECONDS) if ended else policy.poll_seconds
        timer = ctx.create_timer(timedelta(seconds=patience))
        yield when_any([mailbox.event, timer])
        if mailbox.event.is_complete:
            timer.cancel()
            result = mailbox.take()
            if result.task == task.task:
                return result
            continue  # an earlier attempt's, late
        inspection = yield from call(ctx, "inspect_gpu_task", task, Inspection)
        if inspection.state == "ended":
            return None
        if inspection.result is not None and (ended or inspection.result.outcome == "succeeded"):
            return inspection.result
        ended = inspection.result is not None
        missing = missing + 1 if inspection.state == "missing" else 0
        if missing >= LOOKS_BEFORE_LOST:
            return _lost(task)


def _verify(ctx: OrchestrationContext, verify: str, task: TaskRef, result: GpuResult) -> Step[Verdict]:
    if result.outcome == "failed":
        return Verdict(problem=result.reason or f"task {task.task} failed and did not say why")
    return (yield from call(ctx, verify, Check(**task.fields(), result=result), Verdict))


def _lost(task: TaskRef) -> GpuResult:
    reason = f"task {task.task} never reached Batch"
    return GpuResult(**task.about(), outcome="failed", cause="node", reason=reason)
