"""Azure Batch: one Batch job per run of an Atelier job, one Batch task per attempt at a chunk."""

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from azure.batch import BatchClient
from azure.batch import models as batch
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from activities.identity import credential
from activities.settings import settings
from activities.transport import transport
from contracts.task_spec import SPEC_URL_VARIABLE

# Results, logs and timings go to storage; what a node keeps of a task is only for looking at a node by hand.
RETENTION = timedelta(hours=6)


@cache
def client() -> BatchClient:
    """A client for the account of the settings: by key where one is set, else by the identity that the system account
    is reached with. Azure has no convention for a connection to Batch, and the app is one identity."""
    known = settings()
    key = known.batch_account_key
    by: Any = (
        AzureNamedKeyCredential(known.batch_account_name, key) if key else credential("SYSTEM_STORAGE", os.environ)
    )
    return BatchClient(known.batch_endpoint, by, transport=transport())


def create_task(batch_job: str, task: str, spec_url: str) -> bool:
    """Create the Batch task, and its job if this is the first; False where the task existed.

    Raises:
        azure.core.exceptions.HttpResponseError: Batch refused or cannot be reached.
    """
    try:
        return _add_task(batch_job, task, spec_url)
    except ResourceNotFoundError:
        _create_job(batch_job)
        return _add_task(batch_job, task, spec_url)


def find_task(batch_job: str, task: str) -> batch.BatchTask | None:
    """The Batch task, or None where it or its job does not exist."""
    try:
        return client().get_task(batch_job, task)
    except ResourceNotFoundError:
        return None


def end_job(batch_job: str) -> None:
    """Terminate the Batch job and whatever of it still runs; no-op where it has ended or never began.

    Every job is ended because the quota counts active jobs (100-300 by default).
    """
    try:
        # Not awaited: the request is sent before this returns, and the poller only looks every 5 s for the state.
        # `options` must be given: without a body azure-batch 15.1.0 trips over its own missing content type.
        reason: Any = {"terminateReason": "AtelierRunEnded"}
        client().begin_terminate_job(batch_job, options=reason)
    except ResourceNotFoundError:
        return
    except HttpResponseError as error:
        if error.status_code != 409:  # it is completed or being terminated already
            raise


def delete_job(batch_job: str) -> bool:
    """Delete the Batch job with its tasks and their files on nodes; False where there is none.

    A job that was ended keeps its id, and takes no more tasks.
    """
    try:
        client().begin_delete_job(batch_job)  # not awaited, as above
    except ResourceNotFoundError:
        return False
    except HttpResponseError as error:
        if error.status_code != 409:  # it is being deleted already
            raise
    return True


def task_seconds(batch_job: str) -> float:
    """Seconds that the job's tasks have run, by Batch's own times; those that still run count until now. 0: no job."""
    listed = client().list_tasks(batch_job, select=["id", "executionInfo"])
    try:
        return sum(_ran(task) for task in listed)
    except ResourceNotFoundError:
        return 0.0


def _ran(task: batch.BatchTask) -> float:
    info = task.execution_info
    if info is None or info.start_time is None:
        return 0.0  # it waited for a node, which costs nothing
    return max(0.0, ((info.end_time or datetime.now(UTC)) - info.start_time).total_seconds())


def _create_job(batch_job: str) -> None:
    pool = batch.BatchPoolInfo(pool_id=settings().batch_pool_id)
    try:
        client().create_job(batch.BatchJobCreateOptions(id=batch_job, pool_info=pool))
    except ResourceExistsError:
        return  # another submission of the same job was faster


def _add_task(batch_job: str, task: str, spec_url: str) -> bool:
    known = settings()
    image = known.batch_container_image
    options = batch.BatchTaskCreateOptions(
        id=task,
        command_line=known.batch_task_command,
        environment_settings=[batch.EnvironmentSetting(name=SPEC_URL_VARIABLE, value=spec_url)],
        # Attempts are the workflow's, each with its own task id; Batch itself only repeats what a lost node took along.
        constraints=batch.BatchTaskConstraints(
            max_wall_clock_time=timedelta(seconds=known.task_max_seconds),
            max_task_retry_count=0,
            retention_time=RETENTION,
        ),
        container_settings=batch.BatchTaskContainerSettings(image_name=image) if image else None,
    )
    try:
        client().create_task(batch_job, options)
    except ResourceExistsError as error:
        if _code(error) != "TaskExists":  # 409 says too that the job has ended and takes no more tasks
            raise
        return False
    return True


def _code(error: HttpResponseError) -> str | None:
    """Batch's own error code; the SDK leaves it in the body."""
    return error.response.json().get("code") if error.response is not None else None  # type: ignore[attr-defined]
