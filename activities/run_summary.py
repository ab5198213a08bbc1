"""A run's summary: CSV beside its tasks' logs, one row a task, with its time per chunk and per frame."""

import csv
import io
from collections.abc import Iterable

from activities.run_story import TaskStory
from contracts.messages import StageSeconds

STAGES = tuple(StageSeconds.model_fields)
COLUMNS = (
    *("task", "kind", "chunk", "first", "last", "attempt", "outcome", "node", "device", "frames"),
    *(f"{stage}_s" for stage in STAGES),
    *("ms_per_frame", "slowest_frame", "slowest_frame_ms", "reason"),
)


def summary_csv(tasks: Iterable[TaskStory]) -> str:
    """`first` and `last` are the frames of a piece of a chunk; they are empty for a whole one."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for task in tasks:
        writer.writerow({name: _cell(value) for name, value in _row(task).items() if value is not None})
    return text.getvalue()


def _row(task: TaskStory) -> dict[str, object]:
    record = task.record
    known: dict[str, object] = {
        "task": task.name,
        "kind": task.kind,
        "outcome": "failed" if task.is_failed else "succeeded",
        "node": task.node,
        "reason": task.reason if task.is_failed else None,
    }
    if record is None:
        return known
    first, last = record.piece or (None, None)
    per_frame, slowest = record.seconds_per_frame, record.slowest_frame
    return {
        **known,
        "chunk": record.chunk,
        "first": first,
        "last": last,
        "attempt": record.attempt,
        "device": record.device,
        "frames": record.frames,
        **{f"{stage}_s": round(value, 3) for stage, value in record.seconds},
        "ms_per_frame": None if per_frame is None else round(per_frame * 1000, 2),
        "slowest_frame": slowest[0] if slowest else None,
        "slowest_frame_ms": round(slowest[1] * 1000, 2) if slowest else None,
    }


def _cell(value: object) -> object:
    """A node's text may begin as a formula does, and spreadsheets would run it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
