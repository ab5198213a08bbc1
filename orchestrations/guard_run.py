"""Orchestration `guard_run`: watches one run of a job from beside it, and cleans up when it is over.

Terminating an orchestration runs none of its code, so without a guard nobody would end its Batch tasks. The guard
outlives the run it watches, whatever ended it, has it written down, and then ends itself.
"""

from datetime import timedelta
from typing import Any

from durabletask.task import OrchestrationContext

from contracts.steps import Ended, EndInput, GuardInput, Recorded, RunEnd, RunRef, RunState
from orchestrations.calling import JobFailed, Step, call

# Every dispatch replays the history: after so many looks (three events each) it starts afresh.
LOOKS = 50
# Batch or storage cannot be reached: after a minute of tries (see `calling.RETRY`) so long until the next.
PAUSE_SECONDS = 60.0


def guard_run(ctx: OrchestrationContext, payload: dict[str, Any]) -> Step[None]:
    """Look every `seconds` whether the run goes on; once it does not, end what is left of it."""
    guard = GuardInput.model_validate(payload)
    run = RunRef.of(guard)
    for _ in range(LOOKS):
        yield ctx.create_timer(timedelta(seconds=guard.seconds))
        state = yield from _look(ctx, run)
        if state.state == "running":
            continue
        if state.end is not None and not (yield from _end(ctx, run, state.end)):
            yield ctx.create_timer(timedelta(seconds=PAUSE_SECONDS))
            continue
        if state.state == "terminated" and state.end is not None:
            # A task that uploaded in the very moment it was ended must not leave its blob behind.
            yield ctx.create_timer(timedelta(seconds=guard.seconds))
            yield from _end(ctx, run, state.end)
        if state.end is not None:
            # Nobody waits for this, and all else is done: should it fail, the guard does too, and says why.
            yield from call(ctx, "record_run", run, Recorded)
        return
    ctx.continue_as_new(payload)


def _look(ctx: OrchestrationContext, run: RunRef) -> Step[RunState]:
    try:
        return (yield from call(ctx, "check_run", run, RunState))
    except JobFailed:  # storage or the task hub cannot be reached; the next look tells
        return RunState(state="running")


def _end(ctx: OrchestrationContext, run: RunRef, end: RunEnd) -> Step[bool]:
    """End the run; False where that could not be done now."""
    known = EndInput(job=run.job, run=run.run, outcome=end.outcome, reason=end.reason)
    try:
        yield from call(ctx, "end_run", known, Ended)
    except JobFailed:
        return False
    return True
