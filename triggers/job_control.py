"""Cancelling a job, trying it again, and forgetting it.

ValueError
  Conflict: the job is not in a state to do that; `errors` as a door answers them.
"""

import azure.durable_functions as df
from durabletask.client import OrchestrationQuery, OrchestrationState, OrchestrationStatus

from activities.check_run import OVER
from activities.end_run import end_run, find_ended, mark_ended
from activities.purge_job import purge_job
from contracts.job import StartInput
from contracts.purged import Purged
from contracts.steps import EndInput, RunRef
from triggers.bad_request import BadRequest
from triggers.job_view import status_name
from triggers.starting import resolve, start

CANCELLED = "cancelled by its user"
REMEDY = "submit the job again to use what is there now"


class Conflict(ValueError):
    """The job cannot be cancelled, or tried again, as it stands."""

    def __init__(self, field: str, value: str, problem: str) -> None:
        self.errors = [{"field": field, "value": value, "problem": problem}]
        super().__init__(f"{field}: {problem} (got {value})")


def cancel(client: df.SyncDurableFunctionsClient, state: OrchestrationState) -> None:
    """End the job's run: mark it, so that nothing of it starts any more, then end what runs, then clean up.

    The guard does the last two again, should this process die on the way.

    Raises:
        Conflict: the job is over, or is being cancelled already.
    """
    if state.runtime_status in OVER:
        problem = f"the job is over ({status_name(state)}); only a running job can be cancelled"
        raise Conflict("job", state.instance_id, problem)
    run = RunRef.of(StartInput.model_validate(state.get_input()))
    end = EndInput(job=run.job, run=run.run, outcome="cancelled", reason=CANCELLED)
    ended, by_us = mark_ended(end)
    if not by_us:
        problem = f"the job is over ({ended.outcome}) and is being cleaned up; only a running job can be cancelled"
        raise Conflict("job", state.instance_id, problem)
    client.terminate_orchestration(run.job, output="cancelled", recursive=True)
    end_run(end)


def retry(client: df.SyncDurableFunctionsClient, state: OrchestrationState) -> str:
    """Run a failed or cancelled job again with the request it had; finished segments are used again. Its id.

    Raises:
        Conflict: the job is under way or finished, or its video or style is no longer what it was.
    """
    last = StartInput.model_validate(state.get_input())
    if state.runtime_status is OrchestrationStatus.COMPLETED:
        problem = "the job finished: its result is there; to paint the video otherwise, submit it with other options"
        raise Conflict("job", last.job, problem)
    if state.runtime_status not in OVER:
        raise Conflict("job", last.job, _under_way(last, state))
    _require_same_input(last)
    return start(client, last, restart=True)


def purge(
    client: df.SyncDurableFunctionsClient, begun: StartInput, state: OrchestrationState | None, *, with_video: bool
) -> Purged:
    """Remove every trace of a job that is over; the job itself goes last, so that a call that broke off is made again.

    Raises:
        Conflict: it is under way, or is being cleaned up.
    """
    job = begun.job
    if state is not None and state.runtime_status not in OVER:
        raise Conflict("job", job, f"the job is under way ({status_name(state)}); cancel it first, or wait for its end")
    known = client.get_all_orchestration_states(OrchestrationQuery(fetch_inputs_and_outputs=False))
    parts = [part for part in known if part.instance_id.startswith(f"{job}:")]
    if any(part.runtime_status not in OVER for part in parts):
        raise Conflict("job", job, "the job is over and still being cleaned up; try again in a moment")
    purged = purge_job(begun, with_video=with_video)
    removed = sum(client.purge_orchestration(part.instance_id).deleted_instance_count for part in parts)
    if state is not None:
        removed += client.purge_orchestration(job).deleted_instance_count
    return purged.model_copy(update={"orchestrations": removed})


def _under_way(last: StartInput, state: OrchestrationState) -> str:
    if find_ended(RunRef.of(last)) is not None:
        return "the job is just ending; try again in a moment"
    return f"the job is under way ({status_name(state)}); cancel it first, or wait for its end"


def _require_same_input(last: StartInput) -> None:
    """The request, asked again today, must come to the same job."""
    try:
        today = resolve(last.request)
    except BadRequest as error:
        raise Conflict(*_first(error.errors)) from None
    if today.video_etag != last.video_etag:
        raise Conflict("video", last.request.video or "", f"it was replaced since the job began; {REMEDY}")
    if (today.style_blob, today.style_etag) != (last.style_blob, last.style_etag):
        name = last.style_blob or last.request.style or ""
        raise Conflict("style", name, f"it was replaced since the job began; {REMEDY}")
    if today.job != last.job:  # the id is a hash over all that the job depends on
        raise Conflict("job", last.job, f"what it is made of has changed since it began; {REMEDY}")


def _first(errors: list[dict[str, object]]) -> tuple[str, str, str]:
    error = errors[0]
    return str(error["field"]), str(error["value"]), f"{error['problem']}; then submit the job again"
