"""A job as `GET /api/jobs` shows it."""

from datetime import datetime
from typing import Any

from durabletask.client import OrchestrationState, OrchestrationStatus

from activities.end_run import find_ended
from contracts.job import StartInput
from contracts.status import JobStatus
from contracts.steps import RunRef

WITHOUT_RESULT = (OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED)


def view(state: OrchestrationState) -> dict[str, Any]:
    """`customStatus` is the workflow's own, but for a cancelled job: its workflow could not say what became of it."""
    failure = state.failure_details
    return {
        "job": state.instance_id,
        "runtimeStatus": status_name(state),
        "customStatus": _custom_status(state),
        "output": failure.message if failure else state.get_output(),
        "createdTime": _utc(state.created_at),
        "lastUpdatedTime": _utc(state.last_updated_at),
    }


def status_name(state: OrchestrationState) -> str:
    """As the Durable status API writes it: `Completed`, `ContinuedAsNew`."""
    return "".join(part.capitalize() for part in state.runtime_status.name.split("_"))


def _custom_status(state: OrchestrationState) -> dict[str, Any] | None:
    said = state.get_custom_status()
    if state.runtime_status not in WITHOUT_RESULT:
        return said
    start = StartInput.model_validate(state.get_input())
    ended = find_ended(RunRef.of(start))
    terminated = state.runtime_status is OrchestrationStatus.TERMINATED
    if not terminated and (ended is None or ended.outcome != "cancelled"):
        return said
    base = said or JobStatus(video=start.request.video, style=start.request.style).model_dump(mode="json")
    base |= {"phase": "cancelled", "seconds_left": None}
    return base | ({"cost": ended.cost, "reason": ended.reason} if ended else {})


def _utc(time: datetime) -> str:
    """The SDK's times are UTC without saying so; written as the Durable status API writes them."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
