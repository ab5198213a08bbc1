"""Frames that could not be scored, in words."""

from itertools import groupby

from client.job_state import JobState
from contracts import frame_runs
from contracts.ledger import BadRun

BECAME = {"held": "held", "source": "passed through"}


def count(state: JobState) -> int:
    """How many frames of the job were not scored, as far as it is known."""
    if state.result is not None:
        return state.result.bad_frames
    return state.status.bad_frames if state.status else 0


def runs(state: JobState) -> tuple[BadRun, ...]:
    """The first runs of them; the ledger has them all."""
    return state.status.bad_runs if state.status else ()


def told(state: JobState) -> str | None:
    """`12 frames not scored: frames 37..48 held (reason)`; None where there are none."""
    bad = count(state)
    if not bad:
        return None
    known = runs(state)
    parts = [
        f"{frame_runs.words(run.run for run in alike)} {BECAME[outcome]} ({reason})"
        for (outcome, reason), alike in groupby(known, key=lambda run: (run.outcome, run.reason))
    ]
    more = bad - frame_runs.count(run.run for run in known)
    if parts and more > 0:
        parts.append(f"{more} more, which the ledger names")
    said = f"{bad} frame{'' if bad == 1 else 's'} not scored"
    return f"{said}: {'; '.join(parts)}" if parts else said
