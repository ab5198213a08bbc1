"""Predicted against actual: what counts as scoring, and when the two compare."""

from activities.makespan import makespan_of
from contracts.messages import StageSeconds
from contracts.steps import RunRef
from tests.activities.scored_chunks import JOB, outcome, outcomes, plan_of

FIRST, SECOND = RunRef(job=JOB, run=1), RunRef(job=JOB, run=2)


def test_a_fit_before_and_waiting_for_the_first_node_are_left_out() -> None:
    plan = plan_of(20, fit_seconds=600, source="measured", measured_jobs=("clip-0",))
    found = makespan_of(plan, outcomes(plan), FIRST, 25.0)
    assert found.expected_seconds == plan.expected_seconds - 600 == 2 * (1 + 20 * 0.5)
    assert (found.actual_seconds, found.waiting_seconds) == (22.0, 3.0)
    assert (found.frames, found.earlier_frames, found.compares) == (60, 0, True)
    assert (found.figures, found.measured_jobs) == ("measured", 1)


def test_the_first_chunks_alone_tell_of_waiting_for_nodes() -> None:
    plan = plan_of(10, workers=2)
    later = outcome(plan, 5, seconds=StageSeconds(queue=0.1, start=1, total=2))
    again = outcome(plan, 0, attempt=2, seconds=StageSeconds(queue=0.1, start=1, total=2))
    found = makespan_of(plan, [again, *outcomes(plan)[1:5], later], FIRST, 25.0)
    assert found.waiting_seconds == 3.0


def test_a_node_cannot_say_that_scoring_took_less_than_nothing() -> None:
    plan = plan_of(60)
    liar = outcome(plan, 0, seconds=StageSeconds(queue=10**7, start=1, total=2))
    found = makespan_of(plan, [liar], FIRST, 25.0)
    assert (found.actual_seconds, found.waiting_seconds) == (0.0, 25.0)


def test_frames_of_an_earlier_run_are_counted_apart_and_nothing_compares() -> None:
    plan = plan_of(20)
    found = makespan_of(plan, [*outcomes(plan, run=1)[:2], outcome(plan, 2, run=2)], SECOND, 25.0)
    assert (found.frames, found.earlier_frames, found.compares) == (20, 40, False)


def test_frames_of_the_base_were_not_planned_to_be_scored_so_the_rest_compares() -> None:
    plan = plan_of(20)
    found = makespan_of(plan, [outcome(plan, 0, outcome="reused"), *outcomes(plan)[1:]], FIRST, 25.0)
    assert (found.frames, found.earlier_frames, found.compares) == (40, 0, True)
