"""Activity `measure_progress`: frames scored so far, those of running tasks included, and chunks done: two listings."""

import re
from collections import defaultdict

from activities.storage import system_account
from contracts import layout
from contracts.frame_runs import FrameRun
from contracts.steps import Measured, RunRef

# Seconds of a task, as `segments.record` writes them.
_SECONDS = re.compile(r"\d{1,8}(\.\d{1,6})?")
# `c00003-a1`, or `c00003-100-149-a1` for a piece of the chunk.
_TASK = re.compile(r"c(?P<chunk>\d+)(?:-(?P<first>\d+)-(?P<last>\d+))?-a\d+")


def measure_progress(run: RunRef) -> Measured:
    """Tasks leave their count as metadata of a blob; of several attempts at the same work the furthest counts."""
    best: dict[int, dict[FrameRun | None, int]] = defaultdict(dict)
    prefix = layout.progress_prefix(run.job)
    container = system_account().container(layout.JOBS)
    for blob in container.list_blobs(name_starts_with=prefix, include=["metadata"]):
        if task := _TASK.fullmatch(blob.name.removeprefix(prefix)):
            piece = (int(task["first"]), int(task["last"])) if task["first"] else None
            done = best[int(task["chunk"])]
            said = (blob.metadata or {}).get("frames", "")  # a node wrote it, and may write anything
            done[piece] = max(done.get(piece, 0), int(said) if re.fullmatch(r"[0-9]{1,9}", said) else 0)
    chunks, seconds = _recorded(run)
    return Measured(frames=sum(_of_chunk(done) for done in best.values()), chunks=chunks, seconds=seconds)


def _recorded(run: RunRef) -> tuple[int, float]:
    """(chunks whose outcome is recorded, seconds of those tasks, and of those of pieces, that are this run's own)."""
    prefix = layout.outcome_prefix(run.job)
    container, chunks, seconds = system_account().container(layout.JOBS), 0, 0.0
    for blob in container.list_blobs(name_starts_with=prefix, include=["metadata"]):
        chunks += "-" not in blob.name.removeprefix(prefix)
        told = blob.metadata or {}
        if told.get("segment", "").endswith(f"-r{run.run}.mp4") and _SECONDS.fullmatch(told["seconds"]):
            seconds += float(told["seconds"])
    return chunks, seconds


def _of_chunk(done: dict[FrameRun | None, int]) -> int:
    """A chunk that was split: what its smallest pieces did, or what the whole had done before, if that is more."""
    pieces = [piece for piece in done if piece is not None]
    smallest = [p for p in pieces if not any(q != p and p[0] <= q[0] and q[1] <= p[1] for q in pieces)]
    return max(done.get(None, 0), sum(done[piece] for piece in smallest))
