"""The answer of `GET /api/jobs/<job>/logs`: what each GPU task of a job left behind."""

from pydantic import Field

from contracts.model import BatchId, Contract
from contracts.task_record import TaskRecord


class TaskLogEntry(Contract):
    """One attempt of one run. `log` and `timings` name its files, None where it left none; sizes are in bytes.

    `record` is what the task says of itself; None where it died before it could.
    """

    run: int = Field(ge=1)
    task: BatchId
    log: str | None = None
    log_bytes: int = 0
    timings: str | None = None
    timings_bytes: int = 0
    record: TaskRecord | None = None


class TaskLogPage(Contract):
    """Entries in the order of their names. `summaries` are the tables of runs that are over; `next`, where there is
    more, is what to ask for as `after`."""

    job: BatchId
    entries: tuple[TaskLogEntry, ...]
    summaries: tuple[str, ...] = ()
    next: str | None = None
