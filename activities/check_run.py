"""Activity `check_run`: does a run still go on, and if not, how did it end?

The Durable management API ends an orchestration without running any code of the app. The guard beside each run asks
here, so that somebody cleans up.
"""

import azure.durable_functions as df
from durabletask.client import OrchestrationState, OrchestrationStatus

from activities.end_run import find_ended
from contracts.job import StartInput
from contracts.steps import RunEnd, RunRef, RunState

FROM_OUTSIDE = "terminated from outside"
OVER = (OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED)


def check_run(run: RunRef, client: df.SyncDurableFunctionsClient) -> RunState:
    """Where the run stands. One that was cancelled, but whose orchestration goes on all the same, is terminated.

    A job's instance id is the same for all its runs, so a state counts only with the run that it is about.
    """
    ended = find_ended(run)
    state = client.get_orchestration_state(run.job)
    at = StartInput.model_validate(state.get_input()).run if state is not None else None
    if state is None or at is None or at > run.run:  # purged, or started again
        return RunState(state="terminated" if ended is None else "over", end=ended or _from_outside(None))
    if at < run.run or state.runtime_status not in OVER:
        if ended is not None and ended.outcome == "cancelled":  # the door that cancelled it died before this
            client.terminate_orchestration(run.job, output="cancelled", recursive=True)
        return RunState(state="running")
    if state.runtime_status is OrchestrationStatus.TERMINATED:
        return RunState(state="terminated", end=ended or _from_outside(state))
    return RunState(state="over", end=ended or _by_itself(state))


def _from_outside(state: OrchestrationState | None) -> RunEnd:
    said = state.get_output() if state is not None else None
    return RunEnd(outcome="cancelled", reason=f"{FROM_OUTSIDE}: {str(said)[:500]}" if said else FROM_OUTSIDE)


def _by_itself(state: OrchestrationState) -> RunEnd:
    """The workflow ended before it could say so."""
    if state.runtime_status is OrchestrationStatus.COMPLETED:
        return RunEnd(outcome="finished")
    failure = state.failure_details
    return RunEnd(outcome="failed", reason=failure.message if failure else "the workflow failed and did not say why")
