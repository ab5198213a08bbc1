"""Fan-out and fan-in: one `score_chunk` per chunk, in groups where they are many, with progress on the way.

Every dispatch replays an orchestration's whole history, so no orchestration gets more than a few hundred children.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from durabletask.task import OrchestrationContext, Task, TimerTask, when_any

from contracts import frame_runs, layout
from contracts.steps import BadCount, ChunkInput, ChunkReport, GroupInput, Measured, Policy, RunRef
from orchestrations.calling import JobFailed, Step, call, reported

# Progress is measured at growing intervals: this share of the time since the start. So a job of any length costs its
# history a bounded number of looks (about 50 x ln(hours / first interval)).
PROGRESS_SHARE = 0.02

type OnProgress = Callable[[ChunkReport, int], None]


def fan_out(
    ctx: OrchestrationContext, run: RunRef, chunks: range, policy: Policy, on_progress: OnProgress | None = None
) -> Step[ChunkReport]:
    """Score `chunks` and return the sum of their reports. `on_progress(sum so far, frames measured)` is told of both.

    Raises:
        JobFailed: a chunk failed for good; what still runs is left to the caller to end.
    """
    began = ctx.current_utc_datetime
    pending = _children(ctx, run, chunks, policy)
    total, measured = ChunkReport(ok=True, chunks=0), Measured(frames=0)
    tick: TimerTask | None = None
    while pending:
        if tick is None and on_progress is not None:
            tick = ctx.create_timer(progress_interval(began, ctx.current_utc_datetime, policy))
        awaited: list[Task[Any]] = [*pending] if tick is None else [*pending, tick]
        yield when_any(awaited)
        finished = [child for child in pending if child.is_complete]
        pending = [child for child in pending if not child.is_complete]
        reports = [_report(child) for child in finished]
        total = _add(total, reports)
        _require_all_well(total, reports)
        _require_few_bad(total, policy)
        if on_progress is None:
            continue
        if tick is not None and tick.is_complete:
            tick = None
            measured = yield from call(ctx, "measure_progress", run, Measured)
        on_progress(_at_least(total, measured), measured.frames)
    if tick is not None:
        tick.cancel()
    return total


def score_group(ctx: OrchestrationContext, payload: dict[str, Any]) -> Step[dict[str, Any]]:
    """Sub-orchestration `score_group`: the chunks of one group; returns the sum of their reports."""
    group = GroupInput.model_validate(payload)
    run = RunRef.of(group)
    chunks = range(group.first_chunk, group.last_chunk + 1)
    return (yield from reported(ChunkReport, fan_out(ctx, run, chunks, group.policy), chunks=0))


def _children(ctx: OrchestrationContext, run: RunRef, chunks: range, policy: Policy) -> list[Task[Any]]:
    if len(chunks) <= policy.chunks_per_group:
        return [_chunk(ctx, run, chunk, policy) for chunk in chunks]
    size = policy.chunks_per_group
    return [_group(ctx, run, chunks[at : at + size], policy) for at in range(0, len(chunks), size)]


def _chunk(ctx: OrchestrationContext, run: RunRef, chunk: int, policy: Policy) -> Task[Any]:
    payload = ChunkInput(job=run.job, run=run.run, chunk=chunk, policy=policy)
    instance = layout.chunk_instance(run.job, chunk, run.run)
    return ctx.call_sub_orchestrator("score_chunk", input=payload.model_dump(mode="json"), instance_id=instance)


def _group(ctx: OrchestrationContext, run: RunRef, chunks: range, policy: Policy) -> Task[Any]:
    payload = GroupInput(job=run.job, run=run.run, first_chunk=chunks.start, last_chunk=chunks.stop - 1, policy=policy)
    instance = layout.group_instance(run.job, chunks.start, run.run)
    return ctx.call_sub_orchestrator("score_group", input=payload.model_dump(mode="json"), instance_id=instance)


def _add(total: ChunkReport, reports: list[ChunkReport]) -> ChunkReport:
    every = [total, *reports]
    return ChunkReport(
        ok=True,
        chunks=sum(report.chunks for report in every),
        frames=sum(report.frames for report in every),
        retries=sum(report.retries for report in every),
        seconds=sum(report.seconds for report in every),
        wasted_seconds=sum(report.wasted_seconds for report in every),
        **BadCount.fields_of(*every),
    )


def _at_least(total: ChunkReport, measured: Measured) -> ChunkReport:
    """A group reports when all of its chunks are done; until then storage knows more."""
    chunks, seconds = max(total.chunks, measured.chunks), max(total.seconds, measured.seconds)
    return total.model_copy(update={"chunks": chunks, "seconds": seconds})


def _report(child: Task[Any]) -> ChunkReport:
    return ChunkReport.model_validate(child.get_result())


def _require_all_well(total: ChunkReport, reports: list[ChunkReport]) -> None:
    for report in reports:
        if not report.ok:
            raise JobFailed(report.reason or "a chunk failed and did not say why", total)


def _require_few_bad(total: ChunkReport, policy: Policy) -> None:
    """Not worth going on; the ledger is held against the same limits before anything is published."""
    if total.bad_frames > policy.max_bad_frames:
        named = frame_runs.words(run.run for run in total.bad_runs)
        raise JobFailed(
            f"{total.bad_frames} frames cannot be scored, more than max_bad_frames, {policy.max_bad_frames}: {named}",
            total,
        )


def progress_interval(began: datetime, now: datetime, policy: Policy) -> timedelta:
    """Until progress is measured the next time."""
    return max(timedelta(seconds=policy.progress_seconds), (now - began) * PROGRESS_SHARE)
