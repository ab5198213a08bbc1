"""One piece of GPU work from submission to a verified result: attempts, the event, and the safety net.

A task that finishes sends the event `gpu-task-finished`. One that dies without a word is found by a timer: Batch and
storage are asked what became of it. So a lost message costs time, never a frame.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from durabletask.task import OrchestrationContext, when_any

from contracts.messages import FINISHED_EVENT, GpuResult
from contracts.steps import Check, ChunkReport, Inspection, Policy, RunRef, Submitted, TaskRef, Verdict
from orchestrations.calling import Step, call

# A message may wait in the queue behind others while Batch knows nothing of its task yet; after this many looks in a
# row it is taken for lost. A second task for the same work does no harm: its output has another name.
LOOKS_BEFORE_LOST = 5
# A task that has ended may have sent its result a moment ago: so long that message is waited for, since it says why.
GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class GpuWork:
    """What differs between scoring a chunk and fitting a style: the activities, and the names of the attempts."""

    run: RunRef
    chunk: int | None
    submit: str
    verify: str
    task_name: Callable[[int], str]


class Mailbox:
    """Waits for `gpu-task-finished`, one waiter at a time.

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


def do_gpu_work(ctx: OrchestrationContext, work: GpuWork, policy: Policy) -> Step[ChunkReport]:
    """Try up to `policy.max_attempts` times, each with its own task id; report how it went."""
    reasons: list[str] = []
    wasted = 0.0
    mailbox = Mailbox(ctx)
    for attempt in range(1, policy.max_attempts + 1):
        spent = ChunkReport(ok=False, retries=attempt - 1, seconds=wasted, wasted_seconds=wasted)
        task = _task(ctx, work, attempt)
        submitted = yield from call(ctx, work.submit, task, Submitted)
        if submitted.state == "done":
            return spent.model_copy(update={"ok": True, "frames": submitted.frames})
        result = (yield from _await_result(ctx, mailbox, task, policy)) if submitted.state == "submitted" else None
        if result is None:
            return spent.model_copy(update={"reason": "the run was ended"})
        verdict = yield from _verify(ctx, work.verify, task, result)
        if verdict.problem is None:
            return spent.model_copy(
                update={"ok": True, "frames": verdict.frames, "seconds": wasted + result.seconds.total}
            )
        wasted += result.seconds.total
        reasons.append(verdict.problem)
    return ChunkReport(
        ok=False, retries=policy.max_attempts - 1, seconds=wasted, wasted_seconds=wasted, reason=_summary(reasons)
    )


def _task(ctx: OrchestrationContext, work: GpuWork, attempt: int) -> TaskRef:
    return TaskRef(
        job=work.run.job,
        run=work.run.run,
        chunk=work.chunk,
        attempt=attempt,
        task=work.task_name(attempt),
        instance_id=ctx.instance_id,
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
    return (yield from call(ctx, verify, Check(**task.model_dump(), result=result), Verdict))


def _lost(task: TaskRef) -> GpuResult:
    return GpuResult(**task.about(), outcome="failed", reason=f"task {task.task} never reached Batch")


def _summary(reasons: list[str]) -> str:
    """Each different reason once: three attempts usually fail for the same one."""
    different: dict[str, Any] = dict.fromkeys(reasons)
    return f"{len(reasons)} {'attempt' if len(reasons) == 1 else 'attempts'} failed: {'; '.join(different)}"[:4_000]
