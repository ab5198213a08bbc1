"""A job's logs as its user may read them: listed page by page, read piece by piece, without secrets."""

import re
from itertools import islice

from azure.core.exceptions import ResourceNotFoundError

from activities.storage import system_account
from activities.task_records import FILE_NAME, TaskLog, find_task_logs
from contracts import layout
from contracts.task_logs import TaskLogEntry, TaskLogPage
from telemetry.redact import redact

# What one answer holds of a file: a task's log is some kilobytes, but a node may write what it likes.
PIECE_BYTES = 2 * 1024**2
_SUMMARY = re.compile(r"summary-r[1-9][0-9]{0,5}\.csv")


def is_known(job: str) -> bool:
    """Whether there is, or was, such a job: logs outlive its history."""
    if system_account().exists(layout.JOBS, layout.start_blob(job)):
        return True
    names = system_account().container(layout.LOGS).list_blob_names(name_starts_with=layout.log_prefix(job))
    return next(iter(names), None) is not None


def list_page(job: str, after: str, top: int) -> TaskLogPage:
    """`top` entries that come after the one called `after`; "" for the first ones."""
    later = (_entry(job, found) for found in find_task_logs(job) if _place(found) > after)
    entries = list(islice(later, top + 1))
    more = len(entries) > top
    prefix = layout.log_prefix(job)
    tables = system_account().container(layout.LOGS).list_blob_names(name_starts_with=f"{prefix}summary-")
    summaries = [name for blob in tables if _SUMMARY.fullmatch(name := blob.removeprefix(prefix))]
    entries = entries[:top]
    last = f"{entries[-1].task}-r{entries[-1].run}" if more else None
    return TaskLogPage(job=job, entries=tuple(entries), summaries=tuple(summaries), next=last)


def read_piece(job: str, file: str, offset: int) -> tuple[str, int | None] | None:
    """(text from `offset` on, where to go on), None for the latter at the end. None: there is no such file.

    A piece ends with a line, so that nothing secret is cut in two and overlooked.
    """
    if not (FILE_NAME.fullmatch(file) or _SUMMARY.fullmatch(file)):
        return None
    blob = system_account().container(layout.LOGS).get_blob_client(layout.log_prefix(job) + file)
    try:
        size = blob.get_blob_properties().size
        data = blob.download_blob(offset, PIECE_BYTES).readall() if offset < size else b""
    except ResourceNotFoundError:
        return None
    is_last = offset + len(data) >= size
    kept = data if is_last else data[: data.rfind(b"\n") + 1] or data
    return redact(kept.decode("utf-8", errors="replace")), None if is_last else offset + len(kept)


def _place(found: TaskLog) -> str:
    return f"{found.task}-r{found.run}"


def _entry(job: str, found: TaskLog) -> TaskLogEntry:
    prefix = layout.log_prefix(job)
    log, timings = layout.log_blob(job, found.task, found.run), layout.timings_blob(job, found.task, found.run)
    return TaskLogEntry(
        run=found.run,
        task=found.task,
        log=None if found.log_bytes is None else log.removeprefix(prefix),
        log_bytes=found.log_bytes or 0,
        timings=None if found.timings_bytes is None else timings.removeprefix(prefix),
        timings_bytes=found.timings_bytes or 0,
        record=found.record,
    )
