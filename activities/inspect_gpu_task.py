"""Activity `inspect_gpu_task`: the safety net. A task has said nothing for a while: what do storage and Batch know?"""

import json
import logging
from typing import Any

from azure.batch import models as batch
from azure.core.exceptions import ResourceNotFoundError

from activities import batch as batch_service
from activities import gpu_tasks, model_choice, models
from activities.storage import system_account
from contracts import layout
from contracts.messages import MAX_REASON_CHARACTERS, GpuResult, StageSeconds
from contracts.steps import Inspection, TaskRef

log = logging.getLogger(__name__)

# Batch's code for a task that ran until it was ended: by the wall-clock limit, here.
ENDED = "TaskEnded"


def inspect_gpu_task(task: TaskRef) -> Inspection:
    """Where the task stands. A task that ended without a word succeeded if, and only if, its output exists."""
    if gpu_tasks.has_ended(task.job, task.run):
        return Inspection(state="ended")
    found = batch_service.find_task(layout.batch_job(task.job, task.run), task.task)
    if found is None:
        return Inspection(state="missing")
    if found.state != batch.BatchTaskState.COMPLETED:
        return Inspection(state="running")
    return Inspection(state="finished", result=_result(task, found))


def _result(task: TaskRef, found: batch.BatchTask) -> GpuResult:
    said = _said(task)
    seconds = said.seconds if said else StageSeconds(total=_seconds(found))
    if _output_exists(task):
        if said is not None and said.outcome == "succeeded":
            return said
        device = said.device if said else ""
        return GpuResult(**task.about(), outcome="succeeded", seconds=seconds, device=device)
    if said is not None and said.outcome == "failed":
        return said
    reason = f"task {task.task} ended without a result: {_why(found)}"[:MAX_REASON_CHARACTERS]
    cause = None if _was_launched(found) else "node"
    return GpuResult(**task.about(), outcome="failed", cause=cause, reason=reason, seconds=seconds)


def _said(task: TaskRef) -> GpuResult | None:
    """The result that the task left beside its log; None where it left none."""
    timings = layout.timings_blob(task.job, task.task, task.run)
    try:
        record: Any = json.loads(system_account().container(layout.LOGS).download_blob(timings).readall())
        said = GpuResult.model_validate(record["result"])
    except ResourceNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:  # a node wrote it, and may write anything
        log.warning("%s does not hold the result of its task: %s", timings, type(error).__name__)
        return None
    return GpuResult.model_validate(said.model_dump() | task.about())


def _was_launched(found: batch.BatchTask) -> bool:
    """Whether our program ran: only then can the task's frames be at fault, and a smaller piece fare better."""
    info = found.execution_info
    if info is None or info.exit_code is not None:
        return info is not None
    return info.failure_info is not None and info.failure_info.code == ENDED


def _output_exists(task: TaskRef) -> bool:
    if layout.is_stitch(task.task):
        return system_account().exists(layout.JOBS, layout.stitched_blob(task.job, task.task, task.run))
    if task.chunk is None:
        return models.find_weights(model_choice.pinned(gpu_tasks.read_start(task.job)).key) is not None
    return system_account().exists(layout.JOBS, layout.segment_blob(task.job, task.task, task.run))


def _why(found: batch.BatchTask) -> str:
    info = found.execution_info
    if info is None:
        return "Batch does not say why"
    parts = [f"exit code {info.exit_code}"] if info.exit_code is not None else []
    if info.failure_info is not None:
        parts.append(f"{info.failure_info.code}: {info.failure_info.message}")
    return ", ".join(parts) or "Batch does not say why"


def _seconds(found: batch.BatchTask) -> float:
    info = found.execution_info
    if info is None or info.start_time is None or info.end_time is None:
        return 0.0
    return max(0.0, (info.end_time - info.start_time).total_seconds())
