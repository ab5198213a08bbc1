"""How long scoring took, beside what the plan had expected of it."""

from collections.abc import Sequence

from activities.measured_speed import is_of_run
from contracts.ledger import ChunkOutcome
from contracts.makespan import Makespan
from contracts.plan import Plan
from contracts.steps import RunRef


def makespan_of(plan: Plan, outcomes: Sequence[ChunkOutcome], run: RunRef, scoring_seconds: float) -> Makespan:
    """`scoring_seconds` went by, by the workflow's clock, from the first submission to the last chunk's check."""
    scored = [outcome for outcome in outcomes if outcome.outcome == "scored"]
    ours = [outcome for outcome in scored if is_of_run(outcome, run)]
    waited = min(scoring_seconds, _waited(ours, plan.figures.workers))
    return Makespan(
        expected_seconds=round(max(0.0, plan.expected_seconds - plan.figures.fit_seconds), 3),
        actual_seconds=round(scoring_seconds - waited, 3),
        waiting_seconds=round(waited, 3),
        frames=_frames(ours),
        earlier_frames=_frames(scored) - _frames(ours),
        figures=plan.figures.source,
        measured_jobs=len(plan.figures.measured_jobs),
    )


def _waited(tasks: list[ChunkOutcome], at_once: int) -> float:
    """Seconds until the first task began: nothing before that was anything but messages and nodes.

    Of the first chunks alone, which are submitted at once: a task that was submitted later waited for less.
    """
    first = sorted((task for task in tasks if task.attempt == 1 and task.piece is None), key=lambda task: task.chunk)
    return min((task.seconds.queue for task in first[:at_once]), default=0.0)


def _frames(outcomes: list[ChunkOutcome]) -> int:
    return sum(outcome.last - outcome.first + 1 for outcome in outcomes)
