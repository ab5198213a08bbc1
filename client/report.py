"""What the client says on stdout: text for people, one JSON object for machines (always the last line)."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from client.api import Style
from client.job_state import JobState
from client.progress import one_line


def as_json(state: JobState) -> dict[str, Any]:
    """`output`, `ledger` and `provenance` are blobs of container `outputs`; null until the job has finished."""
    status, result = state.status, state.result
    return {
        "job": state.job,
        "status": state.word,
        "phase": status.phase if status else None,
        "video": status.video if status else None,
        "style": status.style if status else None,
        "frames": result.frames if result else (status.frames if status else 0),
        "frames_done": status.frames_done if status else 0,
        "chunks": status.chunks if status else 0,
        "chunks_done": status.chunks_done if status else 0,
        "retries": status.retries if status else 0,
        "seconds_left": status.seconds_left if status else None,
        "cost": result.cost if result else (status.cost if status else 0.0),
        "output": result.output if result else None,
        "ledger": result.ledger if result else None,
        "provenance": result.provenance if result else None,
        "output_bytes": result.output_bytes if result else None,
        "output_sha256": result.output_sha256 if result else None,
        "reason": state.reason,
        "created": state.created,
        "updated": state.updated,
    }


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def print_state(state: JobState) -> None:
    print(one_line(state))
    if state.reason:
        print(f"  reason: {state.reason}")
    if state.result is not None:
        print(f"  video: outputs/{state.result.output}")
        print(f"  to fetch it: python -m client download {state.job} --out DIR")


def print_jobs(states: list[JobState]) -> None:
    if not states:
        print("no jobs yet")
        return
    table = Table("job", "status", "frames", "style", "begun", "reason", box=None, pad_edge=False)
    for state in states:
        status = state.status
        frames = f"{status.frames_done}/{status.frames}" if status else ""
        style = (status.style if status else None) or ""
        table.add_row(state.job, state.word, frames, style, (state.created or "")[:19], state.reason or "")
    # Off a terminal rich would fold the table at 80 columns, in the midst of ids.
    console = Console()
    console.print(table) if console.is_terminal else Console(width=400).print(table)


def print_styles(styles: list[Style]) -> None:
    if not styles:
        print("no styles: upload one with `submit FILE --style IMAGE`")
    width = max((len(style.name) for style in styles), default=0)
    for style in styles:
        print(f"{style.name:<{width}}  {style.kind:<8}  {style.title}")
