"""Sub-orchestration `prepare_model`: reuse the weights of the job's style, or fit them first."""

from typing import Any

from durabletask.task import OrchestrationContext

from contracts import layout
from contracts.steps import ChunkReport, FitInput, ModelState, RunRef
from orchestrations.calling import JobFailed, Step, call
from orchestrations.gpu_task import GpuWork, do_gpu_work


def prepare_model(ctx: OrchestrationContext, payload: dict[str, Any]) -> Step[dict[str, Any]]:
    """Returns a ChunkReport of the fit; one that used no GPU time where nothing had to be fitted."""
    fit = FitInput.model_validate(payload)
    run = RunRef.of(fit)
    try:
        state = yield from call(ctx, "find_model", run, ModelState)
        if state.needed != "fit":
            return ChunkReport(ok=True).model_dump(mode="json")
        work = GpuWork(run=run, chunk=None, submit="submit_fit", verify="verify_fit", task_name=layout.fit_task)
        report = yield from do_gpu_work(ctx, work, fit.policy)
    except JobFailed as failure:
        return ChunkReport(ok=False, reason=str(failure)).model_dump(mode="json")
    return report.model_dump(mode="json")
