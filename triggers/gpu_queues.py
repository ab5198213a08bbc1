"""The queues to and from the GPU tasks, and their poison queues.

A message that cannot be read, or that is not about work which is under way, is archived at once: trying again cannot
help. One whose handling keeps failing comes to the poison queue after `maxDequeueCount` tries; it is archived too, and
the chunk it was about is told, so that the workflow moves on. Nothing else raises than what may pass by itself.
"""

import base64
import hmac
import logging
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func
import grpc
from azure.core.exceptions import AzureError

from activities import batch as batch_service
from activities import deadletter
from activities.deadletter import POISON
from activities.gpu_tasks import has_ended, token_of
from activities.settings import settings
from activities.storage import system_account
from contracts import layout
from contracts.deadletter import DeadLetter, Failures
from contracts.messages import FINISHED_EVENT, GPU_RESULTS_QUEUE, GPU_TASKS_QUEUE, AboutTask, GpuResult, GpuTask
from telemetry.ids import RunSpans, SpanRef
from telemetry.log_fields import about
from telemetry.spans import span
from triggers import gpu_messages
from triggers.gpu_messages import NotAMessage

log = logging.getLogger(__name__)
bp = df.Blueprint()

CONNECTION = "SYSTEM_STORAGE"


@bp.function_name("on_gpu_task")
@bp.queue_trigger(arg_name="message", queue_name=GPU_TASKS_QUEUE, connection=CONNECTION)
def on_gpu_task(message: func.QueueMessage) -> None:
    """Create the Batch task that the message asks for. A task that exists already is a success."""
    task = _read(GPU_TASKS_QUEUE, message, GpuTask)
    if task is None:
        return
    with about(task), span("submit to Batch", _span_of(task)):
        _submit(task)


def _submit(task: GpuTask) -> None:
    url = system_account().blob_sas_url(
        layout.JOBS, layout.spec_blob(task.job, task.task, task.run), "r", settings().sas_hours
    )
    try:
        created = batch_service.create_task(layout.batch_job(task.job, task.run), task.task, url)
    except Exception as error:
        _remember(task, error)  # the poison queue gets the message without its cause
        raise
    log.info("task %s of job %s %s", task.task, task.job, "submitted" if created else "was there already")


@bp.function_name("on_gpu_result")
@bp.queue_trigger(arg_name="message", queue_name=GPU_RESULTS_QUEUE, connection=CONNECTION)
@bp.durable_client_input(client_name="client")
def on_gpu_result(message: func.QueueMessage, client: df.SyncDurableFunctionsClient) -> None:
    """Tell the chunk's orchestration how its task ended."""
    result = _read(GPU_RESULTS_QUEUE, message, GpuResult)
    if result is not None:
        with about(result), span("result", _span_of(result), **{"atelier.outcome": result.outcome}):
            _tell(client, result)


@bp.function_name("on_gpu_task_poison")
@bp.queue_trigger(arg_name="message", queue_name=GPU_TASKS_QUEUE + POISON, connection=CONNECTION)
@bp.durable_client_input(client_name="client")
def on_gpu_task_poison(message: func.QueueMessage, client: df.SyncDurableFunctionsClient) -> None:
    """Archive a submission that kept failing and tell its chunk."""
    queue = GPU_TASKS_QUEUE + POISON
    task = _read(queue, message, GpuTask)
    if task is None:
        return
    failures = _failures(task)
    cause = failures.reason if failures else "the cause was not recorded"
    reason = f"task {task.task} could not be submitted to Batch: {cause}"
    name = _archive(queue, message, reason, task, failures)
    told = f"{reason}; the message is kept as {layout.DEADLETTER}/{name}"
    _tell(client, GpuResult(**task.about(), outcome="failed", cause="node", reason=told))


@bp.function_name("on_gpu_result_poison")
@bp.queue_trigger(arg_name="message", queue_name=GPU_RESULTS_QUEUE + POISON, connection=CONNECTION)
def on_gpu_result_poison(message: func.QueueMessage) -> None:
    """Archive a result that kept failing. Its chunk finds the segment by itself: storage is asked on a timer."""
    queue = GPU_RESULTS_QUEUE + POISON
    result = _read(queue, message, GpuResult)
    if result is not None:
        _archive(queue, message, "the result could not be delivered to its orchestration", result)


def _read[T: AboutTask](queue: str, message: func.QueueMessage, kind: type[T]) -> T | None:
    """The message as `kind`; None for one that is done with. All but a late one of a run that is over are archived."""
    try:
        about = gpu_messages.parse(gpu_messages.decode(message.get_body()), kind)
    except NotAMessage as problem:
        _archive(queue, message, str(problem))
        return None
    run = gpu_messages.run_of(about)
    # In this order: a run that ends is marked first, then its specs are deleted.
    token = token_of(run, about.task)
    if has_ended(run.job, run.run):
        log.info("%s: task %s of job %s is of a run that is over", queue, about.task, about.job)
        if queue.endswith(POISON):
            _archive(queue, message, "could not be handled while its run was on; it is over now", about)
        return None
    if token is None:
        _archive(queue, message, f"run {run.run} of job {run.job} has submitted no task {about.task}", about)
        return None
    # A node may add any result to the queue: only the task itself knows its token.
    if isinstance(about, GpuResult) and not hmac.compare_digest((about.token or "").encode(), token.encode()):
        _archive(queue, message, f"forged: this is not the token of task {about.task} of job {run.job}", about)
        return None
    return about


def _span_of(message: GpuTask | GpuResult) -> SpanRef:
    """The task's span, as the message has brought it; one of an earlier version brings none."""
    run = gpu_messages.run_of(message)
    return SpanRef.parse(message.traceparent) or RunSpans(run.job, run.run).task(message.task)


def _archive(
    queue: str,
    message: func.QueueMessage,
    reason: str,
    about: AboutTask | None = None,
    failures: Failures | None = None,
) -> str:
    """Keep the message and why it is here; the blob's name. Twice for one message keeps one letter."""
    now = _now()
    known = about.model_dump(include={"job", "chunk", "piece", "attempt"}) if about else {}
    if about:
        known["run"] = gpu_messages.run_of(about).run
    if isinstance(about, GpuResult):
        known["bad_frames"] = about.bad_frames
    letter = DeadLetter(
        queue=queue,
        entry=message.id or "",
        reason=reason,
        dequeue_count=message.dequeue_count or 0,
        first_failed=failures.first if failures else now,
        last_failed=failures.last if failures else now,
        **_readable(message.get_body()),
        **known,
    )
    return deadletter.keep(letter)


def _readable(text: bytes) -> dict[str, str]:
    """The body: of base64 what is inside, as text where it is text."""
    try:
        body = gpu_messages.decode(text)
    except NotAMessage:
        body = text
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def _remember(task: GpuTask, error: Exception) -> None:
    said = error.message if isinstance(error, AzureError) else str(error)
    reason = deadletter.printable(f"{type(error).__name__}: {said.partition('\n')[0]}")[:1_000]
    known, now = _failures(task), _now()
    failures = Failures(
        first=known.first if known else now, last=now, count=known.count + 1 if known else 1, reason=reason
    )
    blob = layout.submission_error_blob(task.job, task.task, task.run)
    system_account().write_json(layout.JOBS, blob, failures)


def _failures(task: GpuTask) -> Failures | None:
    return system_account().find_json(
        layout.JOBS, layout.submission_error_blob(task.job, task.task, task.run), Failures
    )


def _tell(client: df.SyncDurableFunctionsClient, result: GpuResult) -> None:
    try:
        client.raise_orchestration_event(result.instance_id, FINISHED_EVENT, data=result.model_dump(mode="json"))
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
        log.warning("the result of task %s came too late: %s is gone", result.task, result.instance_id)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
