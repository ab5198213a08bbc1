"""When Batch itself says that a run's tasks were created, started and ended, and on which node."""

from dataclasses import dataclass
from datetime import datetime

from azure.core.exceptions import ResourceNotFoundError

from activities import batch as batch_service


@dataclass(frozen=True)
class BatchTimes:
    """Unix seconds by Batch's clock; None for what has not happened. `node` is the node's id."""

    created: float | None
    started: float | None
    ended: float | None
    node: str | None
    problem: str | None


def batch_times(batch_job: str) -> dict[str, BatchTimes]:
    """By task; empty where there is no such Batch job (any more)."""
    wanted = ["id", "creationTime", "executionInfo", "nodeInfo"]
    try:
        return {str(task.id): _times(task) for task in batch_service.client().list_tasks(batch_job, select=wanted)}
    except ResourceNotFoundError:
        return {}


def _times(task: "batch_service.batch.BatchTask") -> BatchTimes:
    info, node = task.execution_info, task.node_info
    started = ended = problem = None
    if info is not None:
        started, ended = info.start_time, info.end_time
        if info.failure_info is not None:
            problem = f"{info.failure_info.code}: {info.failure_info.message}"
    return BatchTimes(
        created=_unix(task.creation_time),
        started=_unix(started),
        ended=_unix(ended),
        node=node.node_id if node is not None else None,
        problem=problem,
    )


def _unix(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
