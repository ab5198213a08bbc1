"""Activity `claim_fit`: one fit for all jobs that need the same network.

The first to write the claim fits; the others ask again until the model is there, or until the claimant's run is over
without one: then one of them takes the claim over. Each write is conditional, so of two that come at once one gets it.
"""

import logging

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from activities import gpu_tasks, model_choice, model_records
from activities.measure_fit import awaited
from activities.storage import JSON, system_account
from contracts import layout
from contracts.fit import FitClaim, FitProgress, FittedModel
from contracts.steps import FitTurn, RunRef

log = logging.getLogger(__name__)


def claim_fit(run: RunRef) -> FitTurn:
    """Whose turn it is. Asked again by the claimant, it is still its own."""
    if gpu_tasks.has_ended(run.job, run.run):
        return FitTurn(state="ended")
    start = gpu_tasks.read_start(run.job)
    choice = model_choice.pinned(start)
    while True:
        if record := model_records.ready_record(start, choice):
            return FitTurn(state="ready", fit=_how_it_came(record, run))
        holder = _claim(choice.key, run)
        if holder is not None:
            claimed = holder.job == run.job
            return FitTurn(state="ours") if claimed else FitTurn(state="theirs", fit=awaited(holder))


def _claim(key: str, run: RunRef) -> FitClaim | None:
    """Who has the claim after this try for it; None where it has changed hands meanwhile."""
    ours = FitClaim(job=run.job, run=run.run)
    blob = system_account().container(layout.JOBS).get_blob_client(layout.fit_claim_blob(key))
    body = ours.to_json().encode()
    try:
        blob.upload_blob(body, overwrite=False, content_settings=JSON)
        return ours
    except ResourceExistsError:
        pass  # it is somebody's
    try:
        found = blob.download_blob()
        holder = FitClaim.model_validate_json(found.readall())
        if holder == ours or not _is_over(holder, run):
            return holder
        unchanged = {"etag": found.properties.etag, "match_condition": MatchConditions.IfNotModified}
        blob.upload_blob(body, overwrite=True, content_settings=JSON, **unchanged)
    except (ResourceModifiedError, ResourceNotFoundError):
        return None
    log.info("job %s fits model %s, which run %d of %s has left", run.job, key, holder.run, holder.job)
    return ours


def _is_over(holder: FitClaim, run: RunRef) -> bool:
    """Whether nobody fits for the holder any more: its run has ended, or storage knows of no such job.

    A run of our own job before this one is over in any case: a job has one run at a time.
    """
    if holder.job == run.job:
        return holder.run < run.run
    gone = not system_account().exists(layout.JOBS, layout.start_blob(holder.job))
    return gone or gpu_tasks.has_ended(holder.job, holder.run)


def _how_it_came(record: FittedModel, run: RunRef) -> FitProgress | None:
    if record.fitted is None or record.job == run.job:
        return record.fitted
    return record.fitted.model_copy(update={"job": record.job})
