"""The result is stitched: by the app itself, or, where it is too large for that, by a task on a node.

The parent's side is `stitch`; sub-orchestration `stitch_on_node` does what a fit and a chunk do: attempts, the event,
the safety net, a dead letter where all is in vain.
"""

from typing import Any

from durabletask.task import OrchestrationContext

from contracts import layout
from contracts.steps import Policy, RunRef, Stitched, Stitching, StitchInput, StitchReport, StitchTaskRef
from orchestrations.burial import bury
from orchestrations.calling import JobFailed, Step, call, reported
from orchestrations.gpu_task import Effort, GpuWork, Mailbox, do_gpu_work


def stitch(ctx: OrchestrationContext, run: RunRef, policy: Policy) -> Step[Stitched]:
    """The published video, with the seconds that GPU tasks took for it.

    Raises:
        JobFailed: it could not be stitched; nothing is published.
    """
    answer = yield from call(ctx, "stitch_video", run, Stitching)
    if answer.stitched is not None:
        return answer.stitched
    payload = StitchInput(job=run.job, run=run.run, policy=policy).model_dump(mode="json")
    instance = layout.stitch_instance(run.job, run.run)
    returned: Any = yield ctx.call_sub_orchestrator("stitch_on_node", input=payload, instance_id=instance)
    report = StitchReport.model_validate(returned)
    if report.stitched is None:
        raise JobFailed(report.reason or "the result could not be stitched", report)
    return report.stitched


def stitch_on_node(ctx: OrchestrationContext, payload: dict[str, Any]) -> Step[dict[str, Any]]:
    """Returns a StitchReport."""
    stitch = StitchInput.model_validate(payload)
    return (yield from reported(StitchReport, _stitch(ctx, RunRef.of(stitch), stitch.policy)))


def _stitch(ctx: OrchestrationContext, run: RunRef, policy: Policy) -> Step[StitchReport]:
    work = GpuWork.of_run(run, policy, submit="submit_stitch", verify="verify_stitch", task_name=layout.stitch_task)
    effort = yield from do_gpu_work(ctx, Mailbox(ctx), work, policy)
    if effort.state == "failed":
        reason = yield from bury(ctx, effort, f"the result could not be stitched: {effort.reason}")
        return _without_video(effort, reason)
    if effort.result is None:
        return _without_video(effort, "the run was ended")
    ref = StitchTaskRef(job=run.job, run=run.run, task=effort.result.task)
    stitched = yield from call(ctx, "publish_stitched", ref, Stitched)
    return StitchReport(
        ok=True,
        stitched=stitched.model_copy(update={"seconds": effort.seconds, "wasted_seconds": effort.wasted_seconds}),
        retries=effort.tasks - 1,
        seconds=effort.seconds,
        wasted_seconds=effort.wasted_seconds,
    )


def _without_video(effort: Effort, reason: str) -> StitchReport:
    return StitchReport(ok=False, reason=reason[:4_000], seconds=effort.seconds, wasted_seconds=effort.wasted_seconds)
