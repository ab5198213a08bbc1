"""Activity `measure_progress`: frames scored so far, those of running tasks included, and chunks done: two listings."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from activities.storage import system_account
from contracts import layout
from contracts.frame_runs import FrameRun
from contracts.steps import Measured, RunRef

# Seconds of a task, as `segments.record` writes them.
_SECONDS = re.compile(r"\d{1,8}(\.\d{1,6})?")
# `c00003-a1`, or `c00003-100-149-a1` for a piece of the chunk; and their outcomes, `c00003.json`.
_WORK = r"c(?P<chunk>\d+)(?:-(?P<first>\d+)-(?P<last>\d+))?"
_TASK, _OUTCOME = re.compile(_WORK + r"-a\d+"), re.compile(_WORK + r"\.json")
_FRAMES = re.compile(r"[0-9]{1,9}")

# Chunk -> piece of it, None for all of it -> frames done.
type _Done = dict[int, dict[FrameRun | None, int]]


def measure_progress(run: RunRef) -> Measured:
    """Tasks and outcomes have their count as metadata; of several attempts at the same work the furthest counts."""
    best: _Done = defaultdict(dict)
    prefix = layout.progress_prefix(run.job)
    for name, said in _listed(prefix):
        _count(best, _TASK.fullmatch(name), said)
    chunks, seconds = _recorded(run, best)
    return Measured(frames=sum(_of_chunk(done) for done in best.values()), chunks=chunks, seconds=seconds)


def _recorded(run: RunRef, best: _Done) -> tuple[int, float]:
    """(chunks whose outcome is recorded, seconds of those tasks, and of those of pieces, that are this run's own).

    Their frames go into `best`.
    """
    chunks, seconds = 0, 0.0
    for name, said in _listed(layout.outcome_prefix(run.job)):
        chunks += "-" not in name
        took = said.get("seconds", "")
        if said.get("segment", "").endswith(f"-r{run.run}.mp4") and _SECONDS.fullmatch(took):
            seconds += float(took)
        _count(best, _OUTCOME.fullmatch(name), said)
    return chunks, seconds


def _listed(prefix: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """(name without `prefix`, metadata) of each blob."""
    blobs = system_account().container(layout.JOBS).list_blobs(name_starts_with=prefix, include=["metadata"])
    return ((blob.name.removeprefix(prefix), blob.metadata or {}) for blob in blobs)


def _count(best: _Done, work: re.Match[str] | None, said: Mapping[str, str]) -> None:
    if work is None:
        return
    piece = (int(work["first"]), int(work["last"])) if work["first"] else None
    done, frames = best[int(work["chunk"])], said.get("frames", "")  # a node wrote it, and may write anything
    done[piece] = max(done.get(piece, 0), int(frames) if _FRAMES.fullmatch(frames) else 0)


def _of_chunk(done: dict[FrameRun | None, int]) -> int:
    """A chunk that was split: what its smallest pieces did, or what the whole had done before, if that is more."""
    pieces = [piece for piece in done if piece is not None]
    smallest = [p for p in pieces if not any(q != p and p[0] <= q[0] and q[1] <= p[1] for q in pieces)]
    return max(done.get(None, 0), sum(done[piece] for piece in smallest))
