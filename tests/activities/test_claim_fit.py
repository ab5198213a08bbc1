"""One fit for all who need it: claims on real storage."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from activities import model_choice, storage
from activities.claim_fit import claim_fit
from activities.end_run import mark_ended
from activities.verify_fit import verify_fit
from contracts import layout
from contracts.fit import FitClaim, ModelChoice
from contracts.job import StartInput
from contracts.steps import EndInput, FitTurn, RunRef
from tests.activities.fits import check_of, fit_start, leave_weights, new_fit, upload_style, weights_for

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("fit_accounts")]


@pytest.fixture
def two() -> tuple[StartInput, StartInput]:
    """Two jobs that need one network."""
    style = upload_style(uuid.uuid4().bytes)
    jobs = fit_start(style), fit_start(style)
    assert len({model_choice.choose(start).key for start in jobs}) == 1
    return jobs


def ask(start: StartInput, run: int = 1) -> FitTurn:
    return claim_fit(RunRef(job=start.job, run=run))


def end(start: StartInput, run: int = 1) -> None:
    mark_ended(EndInput(job=start.job, run=run, outcome="cancelled"))


def holder(start: StartInput) -> FitClaim:
    key = model_choice.pinned(start).key
    return storage.system_account().read_json(layout.JOBS, layout.fit_claim_blob(key), FitClaim)


def test_the_first_fits_and_the_other_waits_for_it_by_name(two: tuple[StartInput, StartInput]) -> None:
    one, other = two
    assert ask(one).state == "ours"
    turn = ask(other)
    assert (turn.state, turn.fit and turn.fit.job) == ("theirs", one.job)
    assert ask(one).state == "ours"  # asked twice, as activities may be


def test_of_many_at_once_just_one_gets_the_claim_fresh_or_left() -> None:
    style = upload_style(uuid.uuid4().bytes)
    jobs = [fit_start(style) for _ in range(8)]
    for start in jobs:
        model_choice.choose(start)
    with ThreadPoolExecutor(8) as threads:
        for left in range(3):
            turns = list(threads.map(ask, jobs[left:]))
            ours = [start for start, turn in zip(jobs[left:], turns, strict=True) if turn.state == "ours"]
            assert ours == [start for start in jobs if start.job == holder(start).job]
            assert {turn.state for turn in turns} == {"ours", "theirs"}
            end(ours[0])
            jobs.remove(ours[0])
            jobs.insert(0, ours[0])


def test_a_run_that_ended_without_a_model_leaves_the_fit_to_who_waits(two: tuple[StartInput, StartInput]) -> None:
    one, other = two
    ask(one)
    end(one)
    assert ask(other).state == "ours"
    assert ask(one).state == "ended"
    assert holder(other) == FitClaim(job=other.job, run=1)


def test_a_job_that_storage_has_forgotten_holds_no_claim(two: tuple[StartInput, StartInput]) -> None:
    one, other = two
    ask(one)
    storage.system_account().delete_prefix(layout.JOBS, layout.start_blob(one.job))
    assert ask(other).state == "ours"


def test_a_rerun_of_the_claimant_fits_unless_another_does(two: tuple[StartInput, StartInput]) -> None:
    one, other = two
    ask(one)
    assert ask(one, run=2).state == "ours"  # its first run is over, whatever its end could still say
    assert holder(one).run == 2
    end(one, 2)
    assert ask(other).state == "ours"
    assert ask(one, run=3).state == "theirs"


def test_once_the_model_is_there_it_is_nobodys_turn_and_the_others_fit_is_told(
    two: tuple[StartInput, StartInput],
) -> None:
    one, other = two
    ask(one)
    choice = model_choice.pinned(one)
    verify_fit(check_of(one, leave_weights(choice, weights_for(choice))))
    turn = ask(other)
    assert (turn.state, turn.fit and (turn.fit.step, turn.fit.job)) == ("ready", (3, one.job))
    end(one)
    assert ask(other).state == "ready"


def test_weights_that_are_wrong_are_not_waited_for_but_fitted_anew() -> None:
    start, choice = new_fit()
    assert isinstance(choice, ModelChoice)
    leave_weights(choice, b"wrong")
    assert ask(start).state == "ours"
