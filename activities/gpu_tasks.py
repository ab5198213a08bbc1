"""What every submission of GPU work shares: the spec's parts with their SAS, and the message on `gpu-tasks`."""

import secrets
import time
from typing import Any

from azure.core.exceptions import ResourceExistsError

from activities.settings import settings
from activities.storage import JSON, data_account, system_account
from contracts import layout
from contracts.job import StartInput
from contracts.messages import GPU_RESULTS_QUEUE, GPU_TASKS_QUEUE, GpuTask
from contracts.steps import RunRef, TaskRef
from contracts.task_spec import AnySpec, Destinations, SourceRef, TaskIdentity
from telemetry.ids import RunSpans


def has_ended(job: str, run: int) -> bool:
    """Whether the run is over: whatever of it still wakes up must stop."""
    return system_account().exists(layout.JOBS, layout.ended_blob(job, run))


def read_start(job: str) -> StartInput:
    return system_account().read_json(layout.JOBS, layout.start_blob(job), StartInput)


def identity(task: TaskRef) -> TaskIdentity:
    """Who the task is, with a token of its own."""
    about: dict[str, Any] = task.about() | {"token": secrets.token_hex(16)}
    return TaskIdentity(**about, submitted_at=time.time(), traceparent=_traceparent(task))


def token_of(run: RunRef, task: str) -> str | None:
    """What a task that was submitted proves itself with, kept with its spec; None where there is no such task."""
    properties = system_account().find_properties(layout.JOBS, layout.spec_blob(run.job, task, run.run))
    return properties.metadata["token"] if properties else None


def video_source(start: StartInput) -> SourceRef:
    video, etag = start.video
    url = data_account().blob_sas_url(layout.VIDEOS, video, "r", settings().sas_hours)
    return SourceRef(url=url, etag=etag, size=start.video_bytes)


def destinations(task: TaskRef, container: str, output: str, permission: str = "rc") -> Destinations:
    """Where a task writes. Its output it may create and read back, never overwrite; the rest is its own alone.

    `w` creates too, and overwrites: a task that Batch runs again writes its log anew. None of them can be deleted.
    """
    system, hours = system_account(), settings().sas_hours
    job, name, run = task.job, task.task, task.run
    return Destinations(
        output=system.blob_sas_url(container, output, permission, hours),
        log=system.blob_sas_url(layout.LOGS, layout.log_blob(job, name, run), "w", hours),
        timings=system.blob_sas_url(layout.LOGS, layout.timings_blob(job, name, run), "w", hours),
        progress=system.blob_sas_url(layout.JOBS, layout.progress_blob(job, name), "w", hours),
        results_queue=system.queue_sas_url(GPU_RESULTS_QUEUE, "a", hours),
    )


def hand_over(task: TaskRef, spec: AnySpec) -> bool:
    """Write the spec and put its message on `gpu-tasks`. Twice is harmless: the Batch task has one id.

    False, and nothing is left, where the run has ended: its clean-up may have been before the spec was there.
    """
    system = system_account()
    _write_spec(task, spec)
    if has_ended(task.job, task.run):
        system.delete_prefix(layout.JOBS, layout.spec_blob(task.job, task.task, task.run))
        return False
    system.send(GPU_TASKS_QUEUE, GpuTask(**task.about(), run=task.run, traceparent=_traceparent(task)))
    return True


def _write_spec(task: TaskRef, spec: AnySpec) -> None:
    """A task that is submitted twice keeps its token, since the first may be running already; its SAS are new."""
    blob = layout.spec_blob(task.job, task.task, task.run)
    try:
        _put_spec(blob, spec, overwrite=False)
    except ResourceExistsError:
        token = token_of(RunRef.of(task), task.task)
        if token is not None:
            spec = spec.model_copy(update={"identity": spec.identity.model_copy(update={"token": token})})
        _put_spec(blob, spec, overwrite=True)


def _put_spec(blob: str, spec: AnySpec, *, overwrite: bool) -> None:
    assert spec.identity.token is not None
    metadata = {"token": spec.identity.token}
    system_account().container(layout.JOBS).upload_blob(
        blob, spec.to_json().encode(), overwrite=overwrite, content_settings=JSON, metadata=metadata
    )


def _traceparent(task: TaskRef) -> str:
    return RunSpans(task.job, task.run).task(task.task).traceparent
