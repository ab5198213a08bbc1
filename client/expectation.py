"""How long scoring took and how long it was expected to take, in plain words."""

from client.clock import spell
from client.job_state import JobState
from contracts.makespan import Makespan
from contracts.plan import FiguresSource

# Less waiting than this is the workflow's own messages; more is a node that had to boot.
WAITING_WORTH_TELLING = 10.0


def told(state: JobState) -> str | None:
    """One line about a job that has finished; None where nothing was scored, or nothing is known of it."""
    makespan = state.result.makespan if state.result else None
    if makespan is None or not makespan.frames:
        return None
    waited = makespan.waiting_seconds
    after = f" after waiting {spell(waited)} for a node" if waited >= WAITING_WORTH_TELLING else ""
    return f"scored {makespan.frames} frames in {spell(makespan.actual_seconds)}{after}; {_expected(makespan)}"


def _expected(makespan: Makespan) -> str:
    expected = spell(makespan.expected_seconds)
    if not makespan.compares:
        return f"an earlier run had done {makespan.earlier_frames}, so the {expected} expected for all do not compare"
    return f"expected {expected}, {by(makespan.figures, makespan.measured_jobs)}"


def by(figures: FiguresSource, measured_jobs: int) -> str:
    """Where a plan's figures of speed are from."""
    jobs = f"{measured_jobs} earlier {'job' if measured_jobs == 1 else 'jobs'}"
    if figures == "measured":
        return f"as measured by {jobs} like it"
    if figures == "scaled":
        return f"scaled from {jobs} of another size or way to run"
    return "by the settings' defaults: no job like it had been measured"
