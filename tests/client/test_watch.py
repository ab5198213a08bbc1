import itertools
from collections.abc import Iterator

import pytest

from client import watch
from client.errors import AppError, Unreachable
from client.job_state import JobState
from client.watch import Observation, Stopwatch, follow
from tests.client.fake_function_app import RUNNING, TERMINATED, status


class Silent:
    def __init__(self) -> None:
        self.shown: list[Observation] = []
        self.silences: list[float] = []

    def show(self, observation: Observation) -> None:
        self.shown.append(observation)

    def silent(self, seconds: float) -> None:
        self.silences.append(seconds)


def state(payload: dict[str, object]) -> JobState:
    return JobState.parse({"job": "some-0001"} | payload)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.0)


def ticks(step: float) -> Iterator[float]:
    return itertools.count(0.0, step)


def test_phases_are_timed_and_the_rate_is_that_of_the_recent_past() -> None:
    stopwatch = Stopwatch(ticks(2.0).__next__)
    looks = [state(RUNNING | {"customStatus": status("scoring", frames_done=done)}) for done in (0, 10, 30)]
    seen = [stopwatch.observe(look) for look in [*looks, state(TERMINATED)]]
    assert [observation.rate for observation in seen[:3]] == [None, 5.0, 7.5]
    assert stopwatch.seconds == {"starting": 2.0, "scoring": 6.0}


def test_a_silent_app_is_waited_for() -> None:
    answers: Iterator[JobState | Exception] = iter([Unreachable("x"), AppError("y", 503), state(TERMINATED)])

    def look() -> JobState:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    reporter = Silent()
    assert follow(look, reporter, Stopwatch(ticks(1.0).__next__)).word == "cancelled"
    assert len(reporter.silences) == 2


def test_an_app_that_stays_silent_is_given_up() -> None:
    def look() -> JobState:
        raise Unreachable("nothing answers")

    reporter = Silent()
    with pytest.raises(Unreachable):
        follow(look, reporter, Stopwatch(ticks(30.0).__next__))
    assert reporter.silences == [0.0, 30.0, 60.0, 90.0, 120.0]


def test_an_answer_that_will_not_change_is_not_waited_for() -> None:
    def look() -> JobState:
        raise AppError("the app tells of a job in a way this client does not know", 200)

    with pytest.raises(AppError):
        follow(look, Silent(), Stopwatch())
