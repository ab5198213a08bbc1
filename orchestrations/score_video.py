"""Orchestration `score_video`: the life of a video, from its upload to the published result; or of a fit alone."""

from typing import Any

from durabletask.task import OrchestrationContext, TaskFailedError

from contracts.job import StartInput
from contracts.status import JobResult
from contracts.steps import Ended, EndInput, FitPlanned, Planned, Probed, PublishInput, RunRef
from orchestrations.calling import JobFailed, Step, call
from orchestrations.fan_out import fan_out
from orchestrations.preparing import prepare
from orchestrations.status_board import StatusBoard
from orchestrations.stitching import stitch


def score_video(ctx: OrchestrationContext, payload: dict[str, Any]) -> Step[dict[str, Any]]:
    """Returns a JobResult.

    Raises:
        JobFailed: with the reason its user reads; nothing is published and nothing goes on.
    """
    start = StartInput.model_validate(payload)
    board = StatusBoard(ctx, start)
    work = _fit if start.request.fit_only else _score
    try:
        result = yield from work(ctx, start, board)
    except (JobFailed, TaskFailedError) as failure:
        reason = str(failure)
        board.failed(reason, failure.spent if isinstance(failure, JobFailed) else None)
        board.spent((yield from _end(ctx, start, reason)))
        raise JobFailed(reason) from None
    yield from _end(ctx, start, None)
    board.finished(result)
    return result.model_dump(mode="json")


def _fit(ctx: OrchestrationContext, start: StartInput, board: StatusBoard) -> Step[JobResult]:
    """A job that ends once its style is fitted; a video, where there is one, gives the frames to fit on."""
    if start.request.video is not None:
        board.phase("probing")
        yield from call(ctx, "probe_video", start, Probed)
    planned = yield from call(ctx, "plan_fit", start, FitPlanned)
    board.fit_planned(planned)
    board.phase("preparing")
    fit = yield from prepare(ctx, RunRef.of(start), planned.policy, board)
    return JobResult(
        job=start.job,
        model=fit.model,
        cost=board.cost(fit.seconds),
        wasted_seconds=fit.wasted_seconds,
        wasted_cost=board.cost(fit.wasted_seconds),
    )


def _score(ctx: OrchestrationContext, start: StartInput, board: StatusBoard) -> Step[JobResult]:
    run = RunRef.of(start)
    board.phase("probing")
    probed = yield from call(ctx, "probe_video", start, Probed)
    board.probed(probed)
    planned = yield from call(ctx, "plan_chunks", start, Planned)
    board.planned(planned)
    board.phase("preparing")
    fit = yield from prepare(ctx, run, probed.policy, board)
    board.scoring()
    began = ctx.current_utc_datetime
    scored = yield from fan_out(ctx, run, range(planned.chunks), probed.policy, board.scored)
    scoring_seconds = (ctx.current_utc_datetime - began).total_seconds()
    board.stitching(scored)
    stitched = yield from stitch(ctx, run, probed.policy)
    board.phase("publishing")
    seconds = fit.seconds + scored.seconds + stitched.seconds
    wasted = fit.wasted_seconds + scored.wasted_seconds + stitched.wasted_seconds
    publication = PublishInput(
        job=run.job,
        run=run.run,
        stitched=stitched,
        seconds=seconds,
        wasted_seconds=wasted,
        cost=board.cost(seconds),
        wasted_cost=board.cost(wasted),
        scoring_seconds=scoring_seconds,
    )
    return (yield from call(ctx, "publish", publication, JobResult))


def _end(ctx: OrchestrationContext, start: StartInput, reason: str | None) -> Step[Ended]:
    """What a finished run leaves behind is its guard's to remove: its user has the result, and need not wait for that.

    A failed one is cleaned up before it says so, since it may be tried again at once.
    """
    run = RunRef.of(start)
    outcome = "failed" if reason else "finished"
    end = EndInput(job=run.job, run=run.run, outcome=outcome, reason=reason, clean_up=reason is not None)
    return (yield from call(ctx, "end_run", end, Ended))
