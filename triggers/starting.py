"""What both doors do: check a request against what storage holds, and start its job once.

A job's id is a hash of its request and of the versions of its blobs, so the same upload seen twice, the same request
posted twice, and an upload followed by a request all come to one job.
"""

import logging
from dataclasses import dataclass

import azure.durable_functions as df
import grpc
from azure.core.exceptions import ResourceNotFoundError
from durabletask.client import OrchestrationState, OrchestrationStatus

from activities.check_run import FROM_OUTSIDE, OVER
from activities.end_run import end_run, find_ended
from activities.settings import settings
from activities.storage import data_account, system_account
from contracts import layout
from contracts.job import JobRequest, StartInput
from contracts.model import Contract
from contracts.steps import EndInput, GuardInput, RunRef
from contracts.styles import BUILTIN_STYLES
from triggers.base_result import base_problems

log = logging.getLogger(__name__)

ORCHESTRATION, GUARD = "score_video", "guard_run"
OVER_WITHOUT_RESULT = (OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED)
# A guard's look is an activity and a timer: more often than that would cost more than it saves.
SHORTEST_GUARD_SECONDS = 0.5
# Enough to choose from in an error message; `GET /api/styles` lists them all.
STYLES_SHOWN = 40


class BadRequest(ValueError):
    """The request cannot be met. `errors` is a list of {field, value, problem} and, where it helps, {allowed}."""

    def __init__(self, errors: list[dict[str, object]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{e['field']}: {e['problem']} (got {e['value']})" for e in errors))


@dataclass(frozen=True)
class Style:
    """A style's name and, for an uploaded one, its blob."""

    name: str
    title: str
    kind: str
    blob: str | None = None


def list_styles() -> list[Style]:
    """Built-in and uploaded styles by name; an uploaded one hides a built-in one of its name."""
    styles = {s.name: Style(s.name, s.title, "builtin") for s in BUILTIN_STYLES.values()}
    for blob in data_account().container(layout.STYLES).list_blobs():
        if name := layout.style_name(blob.name):
            styles[name] = Style(name, name, "uploaded", blob.name)
    return sorted(styles.values(), key=lambda style: style.name)


def resolve(request: JobRequest) -> StartInput:
    """Pin `request` to the versions of its blobs.

    Raises:
        BadRequest: the video or the style does not exist.
    """
    style = _find_style(request.style) if request.style else None
    video = data_account().container(layout.VIDEOS).get_blob_client(request.video)
    try:
        properties = video.get_blob_properties()
    except ResourceNotFoundError:
        problem = f"no such blob in container {layout.VIDEOS!r}; upload it first"
        raise BadRequest([{"field": "video", "value": request.video, "problem": problem}]) from None
    etag = str(properties.etag)
    if problems := base_problems(request, etag):
        raise BadRequest(problems)
    style_etag = _etag(style.blob) if style and style.blob else None
    version = style_etag or (BUILTIN_STYLES[style.name].sha256 if style else None)
    return StartInput(
        job=request.job_id(etag, version),
        request=request,
        video_etag=etag,
        video_bytes=int(properties.size),
        style_etag=style_etag,
        style_blob=style.blob if style else None,
    )


def start(client: df.SyncDurableFunctionsClient, pinned: StartInput, *, restart: bool) -> str:
    """Start the job and its guard unless they exist; its id. With `restart`, one that failed or was cancelled is run
    again."""
    state = client.get_orchestration_state(pinned.job)
    if state is not None:
        last = StartInput.model_validate(state.get_input())
        if not (restart and state.runtime_status in OVER_WITHOUT_RESULT):
            log.info("job %s exists (%s): nothing to start", pinned.job, state.runtime_status.name)
            if state.runtime_status not in OVER:
                _start_guard(client, last)  # whoever started the job may have died before that
            return pinned.job
        _end(last, state)
        pinned = pinned.model_copy(update={"run": last.run + 1})
    # Before the run: whoever ends an earlier one sees that the job's blobs are no longer its own.
    system_account().write_json(layout.JOBS, layout.start_blob(pinned.job), pinned)
    _schedule(client, ORCHESTRATION, pinned.job, pinned)
    _start_guard(client, pinned)
    log.info("job %s started, run %d: %s", pinned.job, pinned.run, pinned.request.video)
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


def _end(last: StartInput, state: OrchestrationState) -> None:
    """A run that was terminated a moment ago may not have been cleaned up after: the next must not find its rest."""
    run = RunRef.of(last)
    if state.runtime_status is OrchestrationStatus.TERMINATED and find_ended(run) is None:
        end_run(EndInput(job=run.job, run=run.run, outcome="cancelled", reason=FROM_OUTSIDE))


def _etag(blob: str) -> str:
    """As the service gives it with the blob itself; listings leave out the quotes, and etags are compared as text."""
    return str(data_account().container(layout.STYLES).get_blob_client(blob).get_blob_properties().etag)


def _find_style(name: str) -> Style:
    styles = {style.name: style for style in list_styles()}
    if name not in styles:
        raise BadRequest(
            [
                {
                    "field": "style",
                    "value": name,
                    "problem": f"no such style; choose one of the allowed, or upload {name}.jpg to 'styles'",
                    "allowed": sorted(styles)[:STYLES_SHOWN],
                }
            ]
        )
    return styles[name]
