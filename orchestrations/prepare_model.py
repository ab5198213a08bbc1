"""Sub-orchestration `prepare_model`: reuse the weights of the job's style, fit them first, or wait for who does."""

from datetime import timedelta
from typing import Any

from durabletask.task import OrchestrationContext

from contracts import layout
from contracts.fit import FitProgress
from contracts.steps import FitInput, FitReport, FitTurn, ModelState, Policy, RunRef
from orchestrations.burial import bury
from orchestrations.calling import Step, call, reported
from orchestrations.gpu_task import Effort, GpuWork, Mailbox, do_gpu_work

# Between two looks at another job's fit: soon at first, since it may be nearly done, then ever more rarely.
FIRST_LOOK_SECONDS, LOOK_GROWTH = 2.0, 1.5


def prepare_model(ctx: OrchestrationContext, payload: dict[str, Any]) -> Step[dict[str, Any]]:
    """Returns a FitReport; one that used no GPU time where nothing had to be fitted, or another job did it."""
    fit = FitInput.model_validate(payload)
    return (yield from reported(FitReport, _prepare(ctx, RunRef.of(fit), fit.policy)))


def _prepare(ctx: OrchestrationContext, run: RunRef, policy: Policy) -> Step[FitReport]:
    state = yield from call(ctx, "find_model", run, ModelState)
    if state.needed != "fit":
        return FitReport(ok=True, model=state.model)
    turn = yield from _await_turn(ctx, run, policy)
    if turn.state == "ready":
        return FitReport(ok=True, model=state.model, fit=turn.fit)
    if turn.state == "ended":
        return FitReport(ok=False, reason="the run was ended")
    work = GpuWork.of_run(run, policy, submit="submit_fit", verify="verify_fit", task_name=layout.fit_task)
    effort = yield from do_gpu_work(ctx, Mailbox(ctx), work, policy)
    reason = {"ended": "the run was ended"}.get(effort.state)
    if effort.state == "failed":
        reason = yield from bury(ctx, effort, f"the style could not be fitted: {effort.reason}")
    return FitReport(
        ok=reason is None,
        retries=max(0, effort.tasks - 1),
        seconds=effort.seconds,
        wasted_seconds=effort.wasted_seconds,
        reason=reason[:4_000] if reason else None,
        model=state.model,
        fit=_final(effort),
    )


def _await_turn(ctx: OrchestrationContext, run: RunRef, policy: Policy) -> Step[FitTurn]:
    """Until another job that fits the same model has done so, or has left it to this one."""
    seconds = min(FIRST_LOOK_SECONDS, policy.poll_seconds)
    while True:
        turn = yield from call(ctx, "claim_fit", run, FitTurn)
        if turn.state != "theirs":
            return turn
        yield ctx.create_timer(timedelta(seconds=seconds))
        seconds = min(seconds * LOOK_GROWTH, policy.poll_seconds)


def _final(effort: Effort) -> FitProgress | None:
    """Where the fit ended, as its task said; whose it was is known better here."""
    said = effort.result.fit if effort.result else None
    return said.model_copy(update={"job": None, "seconds_left": 0.0}) if said else None
