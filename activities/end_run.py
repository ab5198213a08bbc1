"""Activity `end_run`: the run is over. Nothing of it goes on: its Batch job ends, and what wakes up later stops.

It may be called for one run any number of times, by the workflow, the door that cancels and the guard: the first
outcome stands, figures never shrink, and each call cleans up what has appeared since.
"""

import logging

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from activities import batch as batch_service
from activities.refusal import JobRefused
from activities.settings import settings
from activities.storage import JSON, data_account, system_account
from contracts import layout
from contracts.job import StartInput
from contracts.model import canonical_json
from contracts.plan import node_cost
from contracts.steps import Ended, EndInput, RunEnd, RunRef
from telemetry.log_fields import about
from telemetry.redact import redact

log = logging.getLogger(__name__)


def end_run(end: EndInput) -> Ended:
    """Mark the run as over, end its Batch job, and tell the door; with `clean_up`, remove the intermediates too.

    A failed run keeps its finished segments: starting the job again reuses them. Logs are kept.

    Raises:
        JobRefused: it was cancelled before it finished, and its result is removed.
    """
    ended, _ = mark_ended(end)
    batch_service.end_job(layout.batch_job(end.job, end.run))
    if ended.outcome != "finished":
        ended = _record_spent(end)
    start = system_account().find_json(layout.JOBS, layout.start_blob(end.job), StartInput)
    if start is None or start.run == end.run:
        if end.clean_up:
            _remove_intermediates(end.job, keep_segments=ended.outcome == "failed")
        if start is not None:
            _tell_door(start, ended)
            if ended.outcome == "cancelled":
                _remove_result(start)
    else:  # started again: all but the specs may be what the new run works on, and its end removes them
        system_account().delete_prefix(layout.JOBS, layout.spec_prefix(end.job, end.run))
    if end.outcome == "finished" and ended.outcome == "cancelled":
        raise JobRefused(f"job {end.job} was cancelled while its result was being published")
    return Ended(job=end.job, run=end.run, seconds=ended.seconds, cost=ended.cost)


def mark_ended(end: EndInput) -> tuple[RunEnd, bool]:
    """(how the run ended, whether this call was the one that ended it). From here on nothing of it is started."""
    container = system_account().container(layout.JOBS)
    ended = RunEnd(outcome=end.outcome, reason=end.reason)
    try:
        container.upload_blob(
            layout.ended_blob(end.job, end.run), ended.to_json().encode(), overwrite=False, content_settings=JSON
        )
    except ResourceExistsError:
        return system_account().read_json(layout.JOBS, layout.ended_blob(end.job, end.run), RunEnd), False
    with about(end):
        # Once a run, and never by a replay: alerts look for these words.
        if end.outcome == "failed":
            log.error("job %s failed: %s", end.job, redact(end.reason or "it did not say why"))
        else:
            log.info("job %s %s", end.job, end.outcome)
    return ended, True


def find_ended(run: RunRef) -> RunEnd | None:
    """How the run ended; None while it goes on."""
    return system_account().find_json(layout.JOBS, layout.ended_blob(run.job, run.run), RunEnd)


def _record_spent(run: RunRef) -> RunEnd:
    """Note what the run's GPU tasks have cost by Batch's own times. Those that are being ended count until now."""
    known = settings()
    seconds = batch_service.task_seconds(layout.batch_job(run.job, run.run))
    cost = node_cost(seconds, known.pool_slots_per_node, known.node_price_per_hour)
    blob = system_account().container(layout.JOBS).get_blob_client(layout.ended_blob(run.job, run.run))
    while True:
        found = blob.download_blob()
        ended = RunEnd.model_validate_json(found.readall())
        spent = ended.model_copy(
            update={"seconds": max(ended.seconds, round(seconds, 3)), "cost": max(ended.cost, round(cost, 6))}
        )
        if spent == ended:
            return ended
        only_this = {"etag": found.properties.etag, "match_condition": MatchConditions.IfNotModified}
        try:
            blob.upload_blob(spent.to_json().encode(), overwrite=True, content_settings=JSON, **only_this)
        except ResourceModifiedError:
            continue  # another call has written its figures meanwhile: the greater ones stand
        return spent


def _remove_intermediates(job: str, *, keep_segments: bool) -> None:
    prefixes = [layout.spec_prefix(job), layout.progress_prefix(job), layout.stitched_prefix(job)]
    if not keep_segments:
        prefixes += [layout.segment_prefix(job), layout.outcome_prefix(job)]
    for prefix in prefixes:
        system_account().delete_prefix(layout.JOBS, prefix)


def _remove_result(start: StartInput) -> None:
    """What a cancelled run had published so far; the result of an earlier run that finished is not its own."""
    earlier = (find_ended(RunRef(job=start.job, run=run)) for run in range(1, start.run))
    if not any(ended is not None and ended.outcome == "finished" for ended in earlier):
        data_account().delete_prefix(layout.OUTPUTS, layout.output_blob(start.job, ""))


def _tell_door(start: StartInput, ended: RunEnd) -> None:
    """The job is under way no longer; and an upload, which has nobody to answer to, gets its answer beside it."""
    _delete(system_account().container(layout.JOBS), layout.active_blob(start.uploader, start.job))
    if start.door != "upload":
        return
    if ended.outcome == "failed":
        error = {"field": "job", "value": start.job, "problem": ended.reason or "it failed and did not say why"}
        text = canonical_json({"errors": [error]})
        data_account().write_text(layout.VIDEOS, layout.error_blob(start.video[0]), text)
    elif ended.outcome == "finished":
        _delete_stale_error(start)


def _delete_stale_error(start: StartInput) -> None:
    """Only what was said before the run ended: a later word is about a later upload of the same name."""
    name = layout.error_blob(start.video[0])
    said = data_account().find_properties(layout.VIDEOS, name)
    marked = system_account().find_properties(layout.JOBS, layout.ended_blob(start.job, start.run))
    if said is not None and marked is not None and said.last_modified <= marked.last_modified:
        _delete(data_account().container(layout.VIDEOS), name)


def _delete(container: ContainerClient, blob: str) -> None:
    try:
        container.delete_blob(blob)
    except ResourceNotFoundError:
        return  # gone already, as wished
