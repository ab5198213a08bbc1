"""The parent's side of `prepare_model`: wait for it, and show how far the fit is meanwhile."""

from typing import Any

from durabletask.task import OrchestrationContext, Task, when_any

from contracts import layout
from contracts.steps import FitInput, FitMeasured, FitReport, Policy, RunRef
from orchestrations.calling import JobFailed, Step, call
from orchestrations.fan_out import progress_interval
from orchestrations.status_board import StatusBoard


def prepare(ctx: OrchestrationContext, run: RunRef, policy: Policy, board: StatusBoard) -> Step[FitReport]:
    """The job's model, ready to be used.

    Raises:
        JobFailed: it is not there and could not be fitted.
    """
    payload = FitInput(job=run.job, run=run.run, policy=policy).model_dump(mode="json")
    instance = layout.model_instance(run.job, run.run)
    began = ctx.current_utc_datetime
    child: Task[Any] = ctx.call_sub_orchestrator("prepare_model", input=payload, instance_id=instance)
    while not child.is_complete:
        tick = ctx.create_timer(progress_interval(began, ctx.current_utc_datetime, policy))
        yield when_any([child, tick])
        if child.is_complete:
            tick.cancel()
            break
        board.fitting((yield from call(ctx, "measure_fit", run, FitMeasured)).fit)
    report = FitReport.model_validate(child.get_result())
    board.prepared(report)
    if not report.ok:
        raise JobFailed(report.reason or "the style could not be fitted")
    return report
