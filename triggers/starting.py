"""What both doors do: check a request against what storage holds, and start its job once.

A job's id is a hash of its request and of the versions of its blobs, so the same upload seen twice, the same request
posted twice, and an upload followed by a request all come to one job.
"""

import logging

import azure.durable_functions as df
import grpc
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from durabletask.client import OrchestrationState, OrchestrationStatus

from activities import limits
from activities.check_run import FROM_OUTSIDE, OVER
from activities.end_run import end_run, find_ended
from activities.settings import settings
from activities.storage import data_account, system_account
from contracts import layout
from contracts.job import JobRequest, StartInput
from contracts.model import Contract, digest
from contracts.steps import EndInput, GuardInput, RunRef
from triggers.admission import admit
from triggers.bad_request import BadRequest
from triggers.base_result import base_problems
from triggers.styles import PinnedStyle, pin_style, style_problem

log = logging.getLogger(__name__)

ORCHESTRATION, GUARD = "score_video", "guard_run"
OVER_WITHOUT_RESULT = (OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED)
# A guard's look is an activity and a timer: more often than that would cost more than it saves.
SHORTEST_GUARD_SECONDS = 0.5


def resolve(request: JobRequest) -> StartInput:
    """Pin `request` to the versions of its blobs.

    Raises:
        BadRequest: the video or the style does not exist, is over a limit, or cannot be what it should.
    """
    style = pin_style(request.style) if request.style else None
    if problem := style_problem(request, style):
        raise BadRequest([problem])
    etag, size = _video(request.video) if request.video is not None else (None, 0)
    if etag is not None and (problems := base_problems(request, etag)):
        raise BadRequest(problems)
    return StartInput(
        job=request.job_id(etag, _style_version(request, style)),
        request=request,
        video_etag=etag,
        video_bytes=size,
        style_etag=style.etag if style else None,
        style_blob=style.blob if style else None,
    )


def _style_version(request: JobRequest, style: PinnedStyle | None) -> str | None:
    """What the job's id knows the style by. A fit by other settings is another fit, so where that is all there is to
    the job, it is another job."""
    if style is None or not request.fit_only:
        return style.version if style else None
    return digest(style.version.strip('"'), settings().fit_features, settings().fit_steps)


def _video(name: str) -> tuple[str, int]:
    """(etag, bytes) of the video."""
    try:
        properties = data_account().container(layout.VIDEOS).get_blob_client(name).get_blob_properties()
    except ResourceNotFoundError:
        problem = f"no such blob in container {layout.VIDEOS!r}; upload it first"
        raise BadRequest.about("video", name, problem) from None
    except HttpResponseError as error:
        if error.status_code != 400:
            raise
        problem = f"storage takes no such name ({error.reason}); give the name of an uploaded blob"
        raise BadRequest.about("video", name, problem) from None
    size = int(properties.size)
    if size == 0:
        raise BadRequest.about("video", name, "the blob is empty; upload the file again")
    try:
        limits.check_video_bytes(size, settings())
    except limits.OverLimit as over:
        raise BadRequest.of(over) from None
    return str(properties.etag), size


def start(client: df.SyncDurableFunctionsClient, pinned: StartInput, *, restart: bool) -> str:
    """Start the job and its guard unless they exist; its id. With `restart`, one that failed or was cancelled is run
    again.

    Raises:
        TooManyJobs: its uploader has as many under way as one may have; a job that is under way is never refused.
    """
    state = client.get_orchestration_state(pinned.job)
    if state is None:
        run = _run_after_purge(pinned.job)
    else:
        last = StartInput.model_validate(state.get_input())
        if not (restart and state.runtime_status in OVER_WITHOUT_RESULT):
            log.info("job %s exists (%s): nothing to start", pinned.job, state.runtime_status.name)
            if state.runtime_status not in OVER:
                _start_guard(client, last)  # whoever started the job may have died before that
            return pinned.job
        _end(last, state)
        run = last.run + 1
    pinned = pinned.model_copy(update={"run": run})
    admit(client, pinned)
    # Before the run: whoever ends an earlier one sees that the job's blobs are no longer its own.
    system_account().write_json(layout.JOBS, layout.start_blob(pinned.job), pinned)
    _schedule(client, ORCHESTRATION, pinned.job, pinned)
    _start_guard(client, pinned)
    log.info("job %s started, run %d: %s", pinned.job, pinned.run, pinned.request.video or pinned.request.style)
    return pinned.job


def _schedule(client: df.SyncDurableFunctionsClient, name: str, instance: str, payload: Contract) -> None:
    """Start an orchestration; one of that id that runs already is left alone."""
    try:
        client.schedule_new_orchestration(name, input=payload.model_dump(mode="json"), instance_id=instance)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS:  # the other door was faster
            raise


def _start_guard(client: df.SyncDurableFunctionsClient, start: StartInput) -> None:
    instance = layout.guard_instance(start.job, start.run)
    found = client.get_orchestration_state(instance, fetch_payloads=False)
    if found is None or found.runtime_status in OVER:
        seconds = max(settings().guard_seconds, SHORTEST_GUARD_SECONDS)
        _schedule(client, GUARD, instance, GuardInput(job=start.job, run=start.run, seconds=seconds))


def _run_after_purge(job: str) -> int:
    """1 for a new job. The history of one that is over may have been purged: a run that has ended starts no more."""
    last = system_account().find_json(layout.JOBS, layout.start_blob(job), StartInput)
    if last is None:
        return 1
    return last.run if find_ended(RunRef.of(last)) is None else last.run + 1


def _end(last: StartInput, state: OrchestrationState) -> None:
    """A run that was terminated a moment ago may not have been cleaned up after: the next must not find its rest."""
    run = RunRef.of(last)
    if state.runtime_status is OrchestrationStatus.TERMINATED and find_ended(run) is None:
        end_run(EndInput(job=run.job, run=run.run, outcome="cancelled", reason=FROM_OUTSIDE))
