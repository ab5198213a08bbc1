"""The commands `deadletter list | show | replay | drop`: what was given up, and what is to become of it."""

from argparse import Namespace

from rich.console import Console
from rich.table import Table
from rich.text import Text

from client import report
from client.api import FunctionApp
from client.connection import Connection
from contracts import frame_runs
from contracts.deadletter import DeadLetter


def list_letters(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        letters = app.dead_letters(args.top)
    if args.json:
        report.print_json({"entries": [letter.model_dump(mode="json") for letter in letters]})
    elif letters:
        report.print_table(_table(letters))
    else:
        print("no dead letters")
    return 0


def show(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        letter = app.dead_letter(args.entry)
    if args.json:
        report.print_json(letter.model_dump(mode="json"))
        return 0
    for name, value in letter.model_dump(mode="json").items():
        if name == "bad_frames" and value:
            value = frame_runs.words(letter.bad_frames)
        if value not in (None, []) and name not in ("body", "body_base64"):
            print(f"{name + ':':<14} {value}")
    print(letter.body if letter.body is not None else f"base64: {letter.body_base64 or '(no body)'}")
    return 0


def replay(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        app.replay(args.entry)
    return _did(args, "replayed", "is on its queue again; if it fails once more, it comes back here")


def drop(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        app.drop(args.entry)
    return _did(args, "dropped", "is deleted; its job, if there is one, stays as it is")


def _did(args: Namespace, what: str, said: str) -> int:
    queue, _, entry = args.entry.partition("/")
    if args.json:
        report.print_json({"queue": queue, "entry": entry, what: True})
    else:
        print(f"{args.entry}: {said}")
    return 0


def _table(letters: list[DeadLetter]) -> Table:
    table = Table("entry", "time", "job", "chunk", "frames", "reason", box=None, pad_edge=False)
    for letter in letters:
        chunk = "" if letter.chunk is None else str(letter.chunk)
        cells = (f"{letter.queue}/{letter.entry}", letter.last_failed[:19], letter.job or "", chunk, _frames(letter))
        table.add_row(*map(Text, (*cells, letter.reason)))
    return table


def _frames(letter: DeadLetter) -> str:
    """The frames that broke it where they are known, else the piece it is about."""
    runs = letter.bad_frames or ((letter.piece,) if letter.piece else ())
    return frame_runs.words(runs, most=3).split(" ", 1)[1] if runs else ""
