"""The queues to and from the GPU tasks, and their poison queues.

A message that cannot be read is archived at once: trying again cannot help. One whose handling keeps failing comes to
the poison queue after `maxDequeueCount` tries; it is archived too, and the chunk it was about is told, so that the
workflow moves on.
"""

import logging

import azure.durable_functions as df
import azure.functions as func
import grpc
from azure.core.exceptions import AzureError, ResourceNotFoundError
from pydantic import ValidationError

from activities import batch as batch_service
from activities.gpu_tasks import has_ended
from activities.settings import settings
from activities.storage import system_account
from contracts import layout
from contracts.job import field_errors
from contracts.messages import FINISHED_EVENT, GPU_RESULTS_QUEUE, GPU_TASKS_QUEUE, GpuResult, GpuTask
from contracts.model import Contract
from triggers.deadletter import archive

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
    if has_ended(task.job, task.run):
        log.info("task %s of job %s is not submitted: its run is over", task.task, task.job)
        return
    spec = layout.spec_blob(task.job, task.task, task.run)
    url = system_account().blob_sas_url(layout.JOBS, spec, "r", settings().sas_hours)
    try:
        created = batch_service.create_task(layout.batch_job(task.job, task.run), task.task, url)
    except AzureError as error:
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
        _tell(client, result)


@bp.function_name("on_gpu_task_poison")
@bp.queue_trigger(arg_name="message", queue_name=f"{GPU_TASKS_QUEUE}-poison", connection=CONNECTION)
@bp.durable_client_input(client_name="client")
def on_gpu_task_poison(message: func.QueueMessage, client: df.SyncDurableFunctionsClient) -> None:
    """Archive a submission that kept failing and tell its chunk."""
    queue = f"{GPU_TASKS_QUEUE}-poison"
    task = _read(queue, message, GpuTask)
    if task is None:
        return
    reason = f"task {task.task} could not be submitted to Batch: {_remembered(task)}"
    name = archive(queue, message, reason)
    told = f"{reason}; the message is kept as {layout.DEADLETTER}/{name}"
    _tell(client, GpuResult(**task.about(), outcome="failed", reason=told))


@bp.function_name("on_gpu_result_poison")
@bp.queue_trigger(arg_name="message", queue_name=f"{GPU_RESULTS_QUEUE}-poison", connection=CONNECTION)
def on_gpu_result_poison(message: func.QueueMessage) -> None:
    """Archive a result that kept failing. Its chunk finds the segment by itself: storage is asked on a timer."""
    archive(f"{GPU_RESULTS_QUEUE}-poison", message, "the result could not be delivered to its orchestration")


def _read[T: Contract](queue: str, message: func.QueueMessage, kind: type[T]) -> T | None:
    """The message as `kind`; None after archiving one that is not."""
    try:
        return kind.model_validate_json(message.get_body())
    except ValidationError as error:
        problems = "; ".join(f"{e['field']}: {e['problem']}" for e in field_errors(error))
        archive(queue, message, f"not a valid {kind.__name__} message: {problems}")
        return None


def _remember(task: GpuTask, error: AzureError) -> None:
    text = f"{type(error).__name__}: {error.message.splitlines()[0]}"[:1_000]
    blob = layout.submission_error_blob(task.job, task.task, task.run)
    system_account().write_text(layout.JOBS, blob, text)


def _remembered(task: GpuTask) -> str:
    blob = layout.submission_error_blob(task.job, task.task, task.run)
    try:
        return system_account().container(layout.JOBS).download_blob(blob).readall().decode()
    except ResourceNotFoundError:
        return "the cause was not recorded"


def _tell(client: df.SyncDurableFunctionsClient, result: GpuResult) -> None:
    try:
        client.raise_orchestration_event(result.instance_id, FINISHED_EVENT, data=result.model_dump(mode="json"))
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
        log.warning("the result of task %s came too late: %s is gone", result.task, result.instance_id)
