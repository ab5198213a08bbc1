"""Sub-orchestration `prepare_model`: reuse the weights of the job's style, or fit them first."""

from typing import Any

from durabletask.task import OrchestrationContext

from contracts import layout
from contracts.steps import ChunkReport, FitInput, ModelState, RunRef
from orchestrations.calling import JobFailed, Step, call
from orchestrations.gpu_task import Effort, GpuWork, Mailbox, do_gpu_work


def prepare_model(ctx: OrchestrationContext, payload: dict[str, Any]) -> Step[dict[str, Any]]:
    """Returns a ChunkReport of the fit; one that used no GPU time where nothing had to be fitted."""
    fit = FitInput.model_validate(payload)
    run = RunRef.of(fit)
    try:
        state = yield from call(ctx, "find_model", run, ModelState)
        if state.needed != "fit":
            return ChunkReport(ok=True).model_dump(mode="json")
        work = GpuWork(
            run=run,
            chunk=None,
            submit="submit_fit",
            verify="verify_fit",
            task_name=layout.fit_task,
            attempts=range(1, fit.policy.max_attempts + 1),
        )
        effort = yield from do_gpu_work(ctx, Mailbox(ctx), work, fit.policy)
    except JobFailed as failure:
        return ChunkReport(ok=False, reason=str(failure)).model_dump(mode="json")
    return _report(effort).model_dump(mode="json")


def _report(effort: Effort) -> ChunkReport:
    reason = {"failed": effort.reason, "ended": "the run was ended"}.get(effort.state)
    return ChunkReport(
        ok=reason is None,
        retries=max(0, effort.tasks - 1),
        seconds=effort.seconds,
        wasted_seconds=effort.wasted_seconds,
        reason=reason,
    )
