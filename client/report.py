"""What the client says on stdout: text for people, one JSON object for machines (always the last line)."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from client import bad_frames, expectation, fitted, money
from client.api import Style
from client.job_state import JobState
from client.progress import one_line
from contracts.fit import FittedModel
from contracts.purged import Purged


def as_json(state: JobState) -> dict[str, Any]:
    """`output`, `ledger` and `provenance` are blobs of container `outputs`; null until the job has finished, and for
    one that only fits. `fit` is how far the fit is or came."""
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
        "bad_frames": bad_frames.count(state),
        "bad_runs": [run.model_dump(mode="json") for run in bad_frames.runs(state)],
        "seconds_left": status.seconds_left if status else None,
        "expected_seconds": status.expected_seconds if status else None,
        "makespan": result.makespan.model_dump(mode="json") if result and result.makespan else None,
        "cost": result.cost if result else (status.cost if status else 0.0),
        "wasted_cost": result.wasted_cost if result else (status.wasted_cost if status else 0.0),
        "wasted_seconds": result.wasted_seconds if result else (status.wasted_seconds if status else 0.0),
        "currency": status.currency if status else "",
        "fit": status.fit.model_dump(mode="json") if status and status.fit else None,
        "model": result.model if result else None,
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
    if bad := bad_frames.told(state):
        print(f"  {bad}")
    if state.reason:
        print(f"  reason: {state.reason}")
    if cost := money.spent(state):
        print(f"  spent{'' if state.has_ended else ' so far'}: {cost}")
    if state.result is not None:
        if speed := expectation.told(state):
            print(f"  {speed}")
        print(f"  video: outputs/{state.result.output}")
        print(f"  to fetch it: python -m client download {state.job} --out DIR")


def print_fit(state: JobState, model: FittedModel | None, max_dimension: int | None, video: Path | None) -> None:
    """A job that only fitted, and how to go on."""
    assert state.result is not None
    print(one_line(state))
    print(f"  model: {state.result.model}")
    style, scale = state.status.style if state.status else None, 1.0
    if model is not None:
        print(f"  fitted: {fitted.ended(model, state.status.fit if state.status else None)}")
        if model.job != state.job:
            print(f"  it was there already: job {model.job} fitted it on {model.fitted_at[:16]}")
        print(f"  for: {fitted.suits(model)}")
        style, scale = style or model.style, model.style_scale  # one picture may have several names
    if style is not None:
        print(f"  to use it: {fitted.submit_command(style, scale, max_dimension, video)}")


def print_jobs(states: list[JobState]) -> None:
    if not states:
        print("no jobs yet")
        return
    table = Table("job", "status", "frames", "not scored", "style", "begun", "reason", box=None, pad_edge=False)
    for state in states:
        status = state.status
        frames = _extent(state)
        style = (status.style if status else None) or ""
        bad = str(bad_frames.count(state) or "")
        cells = (state.job, state.word, frames, bad, style, (state.created or "")[:19], state.reason or "")
        table.add_row(*map(Text, cells))
    print_table(table)


def _extent(state: JobState) -> str:
    """How far a job is: in frames, or in steps while it fits."""
    if fit := fitted.under_way(state):
        return f"fit {fit.step}/{fit.steps}"
    if state.only_fitted:
        return "fit only"
    return f"{state.status.frames_done}/{state.status.frames}" if state.status and state.status.frames else ""


def print_table(table: Table) -> None:
    # Off a terminal rich would fold the table at 80 columns, in the midst of ids.
    console = Console()
    console.print(table) if console.is_terminal else Console(width=400).print(table)


def print_styles(styles: list[Style]) -> None:
    if not styles:
        print("no styles: upload one with `fit IMAGE`, or with `submit FILE --style IMAGE`")
    width = max((len(style.name) for style in styles), default=0)
    for style in styles:
        print(f"{style.name:<{width}}  {style.kind:<8}  {style.title}")
        for model in style.models:
            print(f"{'':<{width}}  fitted: {fitted.listed(model)}")


def print_purged(purged: Purged, *, with_video: bool) -> None:
    removed = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in purged if isinstance(count, int))
    print(f"{purged.job}: removed {removed}")
    if with_video:
        print(f"  and the video {purged.video}" if purged.video else "  its video was gone already, or replaced")
