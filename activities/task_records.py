"""What a job's GPU tasks have left in container `logs`: one listing tells of all of them."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

from azure.storage.blob import BlobProperties
from pydantic import ValidationError

from activities.storage import system_account
from contracts import layout
from contracts.task_record import RECORD_METADATA_KEY, TaskRecord

log = logging.getLogger(__name__)

# A task's files, without their job's folder.
FILE_NAME = re.compile(r"(?P<task>[a-z0-9][a-z0-9-]{0,63})-r(?P<run>[1-9][0-9]{0,5})\.(?P<kind>log|timings\.json)")


@dataclass
class TaskLog:
    """`record` is None where the task has left none, or none that can be read. Sizes in bytes; None: there is none."""

    run: int
    task: str
    log_bytes: int | None = None
    timings_bytes: int | None = None
    record: TaskRecord | None = None


def find_task_logs(job: str) -> Iterator[TaskLog]:
    """In the order of their names, which is that of their chunks, attempts and runs."""
    prefix = layout.log_prefix(job)
    current: TaskLog | None = None
    for blob in system_account().container(layout.LOGS).list_blobs(name_starts_with=prefix, include=["metadata"]):
        named = FILE_NAME.fullmatch(blob.name.removeprefix(prefix))
        if named is None:
            continue
        run, task = int(named["run"]), named["task"]
        if current is None or (current.run, current.task) != (run, task):
            if current is not None:
                yield current
            current = TaskLog(run, task)
        if named["kind"] == "log":
            current.log_bytes = blob.size
        else:
            current.timings_bytes, current.record = blob.size, _record(blob, task)
    if current is not None:
        yield current


def _record(blob: BlobProperties, task: str) -> TaskRecord | None:
    said = (blob.metadata or {}).get(RECORD_METADATA_KEY)
    if said is None:
        return None  # written by a node of an earlier version
    try:
        record = TaskRecord.model_validate_json(said)
    except ValidationError as error:  # a node wrote it, and may write anything
        log.warning("%s/%s holds no record of its task: %d errors", layout.LOGS, blob.name, error.error_count())
        return None
    if record.task != task:
        log.warning("%s/%s holds the record of another task", layout.LOGS, blob.name)
        return None
    return record
