"""The command `logs`: what a job's GPU tasks did, one by one; their logs."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from client import report
from client.api import FunctionApp
from client.connection import Connection
from client.errors import InvalidInput, NoSuchTask
from contracts.task_logs import TaskLogEntry

COLUMNS = ("run", "task", "attempt", "outcome", "frames", "seconds", "waited", "ms/frame", "slowest frame", "log")


def logs(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        entries, summaries = app.task_logs(args.job)
        chosen = [entry for entry in entries if args.run in (None, entry.run)]
        if args.task is not None:
            return _show(app, args, _named(chosen, args))
        if args.out is not None:
            return _save(app, args, chosen, summaries, console)
    if args.json:
        report.print_json({"job": args.job, "tasks": [entry.model_dump(mode="json") for entry in chosen]})
    elif chosen:
        report.print_table(_table(chosen))
    else:
        print(f"{args.job}: no task has left a log yet")
    return 0


def _named(entries: Sequence[TaskLogEntry], args: Namespace) -> TaskLogEntry:
    """The last attempt of that name, in the last run: `c00003-a1`, or `c00003` for whichever attempt was last."""
    exact = [entry for entry in entries if entry.task == args.task]
    found = exact or [entry for entry in entries if entry.task.rpartition("-a")[0] == args.task]
    if not found:
        raise NoSuchTask(args.job, args.task)
    return max(found, key=lambda entry: (entry.run, entry.record.attempt if entry.record else 0, entry.task))


def _show(app: FunctionApp, args: Namespace, entry: TaskLogEntry) -> int:
    if entry.log is None:
        raise InvalidInput(f"task {entry.task} of run {entry.run} left no log: it died before it could")
    text = app.log_text(args.job, entry.log)
    if args.json:
        report.print_json({"job": args.job, **entry.model_dump(mode="json"), "text": text})
    else:
        print(text, end="" if text.endswith("\n") else "\n")
    return 0


def _save(
    app: FunctionApp, args: Namespace, entries: Sequence[TaskLogEntry], summaries: Sequence[str], console: Console
) -> int:
    folder: Path = args.out
    files = [file for entry in entries for file in (entry.log, entry.timings) if file]
    files += [name for name in summaries if args.run in (None, _run_of(name))]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            (folder / file).write_text(app.log_text(args.job, file), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"--out {folder}: {error.strerror}; name another folder") from error
    if args.json:
        report.print_json({"job": args.job, "folder": str(folder), "files": files})
    else:
        console.print(f"{len(files)} files in {folder}", soft_wrap=True)
    return 0


def _run_of(summary: str) -> int:
    return int(summary.removeprefix("summary-r").removesuffix(".csv"))


def _table(entries: Sequence[TaskLogEntry]) -> Table:
    table = Table(*COLUMNS, "device", "reason", box=None, pad_edge=False)
    for entry in entries:
        table.add_row(*map(Text, _cells(entry)))
    return table


def _cells(entry: TaskLogEntry) -> tuple[str, ...]:
    record, size = entry.record, f"{entry.log_bytes / 1000:.1f} kB" if entry.log else ""
    if record is None:
        return (str(entry.run), entry.task, "", "unknown", "", "", "", "", "", size, "", "it left no record")
    per_frame, slowest = record.seconds_per_frame, record.slowest_frame
    return (
        str(entry.run),
        entry.task,
        str(record.attempt),
        record.outcome,
        str(record.frames or ""),
        f"{record.seconds.total:.2f}",
        f"{record.seconds.queue:.2f}",
        "" if per_frame is None else f"{per_frame * 1000:.1f}",
        "" if slowest is None else f"{slowest[0]}: {slowest[1] * 1000:.1f} ms",
        size,
        record.device,
        " ".join((record.reason or "").split()),
    )
