"""How many jobs one uploader may have under way at once.

A job that is let in leaves a marker under its uploader's prefix, which the end of its run removes; the markers are
counted. The marker is written before they are counted, so that never one too many is let in; two that come at once for
the last place may both be refused.
"""

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import ResourceNotFoundError
from durabletask.client import OrchestrationState

from activities import limits
from activities.check_run import OVER
from activities.settings import settings
from activities.storage import system_account
from contracts import layout
from contracts.job import UPLOADER_METADATA_KEY, StartInput
from contracts.model import digest
from triggers.bad_request import TooManyJobs

log = logging.getLogger(__name__)

# A marker without a running job is a leftover, or of a job that is being started right now: that takes seconds.
LEFTOVER_AFTER = timedelta(seconds=60)


def uploader_of_request(req: func.HttpRequest) -> str:
    """Who posts: whom App Service authenticated, else whose function key it is; as a digest, never the key itself.

    The principal's header is only believed where App Service authentication is on: otherwise anyone could send it.
    """
    principal = req.headers.get("x-ms-client-principal-id")
    if principal and os.environ.get("WEBSITE_AUTH_ENABLED", "").lower() == "true":
        return _short("principal", principal)
    key = req.headers.get("x-functions-key") or req.params.get("code")
    return _short("key", key) if key else _short("anonymous")


def uploader_of_upload(metadata: Mapping[str, str]) -> str:
    """Whom an upload is counted for: the name in its metadata; all uploads without one are counted together."""
    name = metadata.get(UPLOADER_METADATA_KEY)
    return _short("upload", name) if name else _short("uploads")


def admit(client: df.SyncDurableFunctionsClient, pinned: StartInput) -> None:
    """Count the job, which is about to be started, among its uploader's.

    Raises:
        TooManyJobs: it would be one too many.
    """
    if settings().max_concurrent_jobs == 0:
        return
    system_account().write_text(layout.JOBS, layout.active_blob(pinned.uploader, pinned.job), "")
    try:
        _count(pinned.uploader)
    except limits.OverLimit:
        _remove_leftovers(client, pinned)
        try:
            _count(pinned.uploader)
        except limits.OverLimit as over:
            _refuse(client, pinned, over)


def _count(uploader: str) -> None:
    markers = system_account().container(layout.JOBS).list_blob_names(name_starts_with=layout.active_prefix(uploader))
    limits.check_jobs(sum(1 for _ in markers), settings())


def _refuse(client: df.SyncDurableFunctionsClient, pinned: StartInput, over: limits.OverLimit) -> None:
    if _is_under_way(client.get_orchestration_state(pinned.job, fetch_payloads=False)):
        return  # the other door has started this very job meanwhile, and the marker is its own
    _remove(layout.active_blob(pinned.uploader, pinned.job))
    log.warning("job %s is not started: %s", pinned.job, over)
    raise TooManyJobs([over.entry()])


def _remove_leftovers(client: df.SyncDurableFunctionsClient, pinned: StartInput) -> None:
    """Drop the markers of jobs that are over: what should have removed them died, or history was purged."""
    prefix = layout.active_prefix(pinned.uploader)
    recent = datetime.now(UTC) - LEFTOVER_AFTER
    for marker in list(system_account().container(layout.JOBS).list_blobs(name_starts_with=prefix)):
        job = marker.name.removeprefix(prefix)
        if job == pinned.job or marker.last_modified > recent:
            continue
        if not _is_under_way(client.get_orchestration_state(job, fetch_payloads=False)):
            log.info("job %s is over and no longer counts for its uploader", job)
            _remove(marker.name)


def _is_under_way(state: OrchestrationState | None) -> bool:
    return state is not None and state.runtime_status not in OVER


def _remove(marker: str) -> None:
    try:
        system_account().container(layout.JOBS).delete_blob(marker)
    except ResourceNotFoundError:
        return  # the job's end was faster


def _short(*parts: str) -> str:
    return digest(*parts)[:16]
