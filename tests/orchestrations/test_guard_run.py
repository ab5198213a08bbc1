"""The guard beside a run, on the real durable engine."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from durabletask.client import OrchestrationState, OrchestrationStatus
from durabletask.task import RetryPolicy

from orchestrations import calling
from orchestrations import guard_run as guarding
from orchestrations.guard_run import guard_run
from tests.task_hub import task_hub

pytestmark = pytest.mark.timeout(60)

GUARD = {"job": "clip-0123456789abcdef", "run": 2, "seconds": 0.02}
CANCELLED = {"outcome": "cancelled", "reason": "terminated from outside", "seconds": 0.0, "cost": 0.0}
FINISHED = CANCELLED | {"outcome": "finished", "reason": None}


class Hands:
    """Stands for the activities: `states` are what `check_run` answers, one after the other, the last for ever."""

    def __init__(self, *states: dict[str, Any] | Exception) -> None:
        self._states = list(states)
        self.calls: Counter[str] = Counter()
        self.ended: list[dict[str, Any]] = []
        self.end: Callable[[], None] = lambda: None

    def check_run(self, payload: dict[str, Any]) -> dict[str, Any]:
        assert payload == {"job": GUARD["job"], "run": GUARD["run"]}
        self.calls["check_run"] += 1
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        if isinstance(state, Exception):
            raise state
        return state

    def end_run(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.calls["end_run"] += 1
        self.end()
        self.ended.append(payload)
        return {"job": payload["job"], "run": payload["run"]}

    def record_run(self, payload: dict[str, Any]) -> dict[str, Any]:
        assert payload == {"job": GUARD["job"], "run": GUARD["run"]}
        self.calls["record_run"] += 1
        return payload | {"tasks": 3}


def watch(hands: Hands) -> OrchestrationState:
    activities = {"check_run": hands.check_run, "end_run": hands.end_run, "record_run": hands.record_run}
    with task_hub([guard_run], activities) as client:
        client.schedule_new_orchestration("guard_run", input=GUARD, instance_id="guard")
        state = client.wait_for_orchestration_completion("guard", timeout=30)
        assert state is not None
        assert state.runtime_status is OrchestrationStatus.COMPLETED, state.failure_details
        return state


RUNNING = {"state": "running"}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries and pauses without their waits."""
    policy = RetryPolicy(first_retry_interval=timedelta(milliseconds=10), max_number_of_attempts=2)
    monkeypatch.setattr(calling, "RETRY", policy)
    monkeypatch.setattr(guarding, "PAUSE_SECONDS", 0.02)


def test_it_looks_until_the_run_is_over_and_then_ends_with_it() -> None:
    hands = Hands(RUNNING, RUNNING, {"state": "over", "end": FINISHED})
    watch(hands)
    assert hands.calls == {"check_run": 3, "end_run": 1, "record_run": 1}
    assert (hands.ended[0]["outcome"], hands.ended[0]["run"]) == ("finished", 2)
    assert hands.ended[0]["clean_up"]  # a finished run leaves that to its guard


def test_a_run_that_does_not_exist_leaves_nothing_to_do() -> None:
    hands = Hands({"state": "over", "end": None})
    watch(hands)
    assert hands.calls == {"check_run": 1}


def test_a_run_that_was_terminated_is_cleaned_up_twice_because_a_task_may_upload_while_it_dies() -> None:
    hands = Hands(RUNNING, {"state": "terminated", "end": CANCELLED})
    watch(hands)
    assert hands.calls == {"check_run": 2, "end_run": 2, "record_run": 1}
    ends = [(end["outcome"], end["reason"]) for end in hands.ended]
    assert ends == [("cancelled", "terminated from outside")] * 2


@pytest.mark.usefixtures("hasty")
def test_a_look_that_fails_is_followed_by_another() -> None:
    broken = RuntimeError("storage is down")
    hands = Hands(broken, broken, broken, {"state": "over", "end": FINISHED})
    watch(hands)
    assert hands.calls == {"check_run": 4, "end_run": 1, "record_run": 1}


@pytest.mark.usefixtures("hasty")
def test_a_clean_up_that_fails_is_tried_until_it_succeeds() -> None:
    hands = Hands({"state": "terminated", "end": CANCELLED})

    def unreachable() -> None:
        if hands.calls["end_run"] <= 5:
            raise RuntimeError("Batch cannot be reached")

    hands.end = unreachable
    watch(hands)
    assert len(hands.ended) == 2


def test_it_starts_afresh_now_and_then_so_that_its_history_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "LOOKS", 3)
    hands = Hands(*[RUNNING] * 10, {"state": "over", "end": FINISHED})
    activities = {"check_run": hands.check_run, "end_run": hands.end_run, "record_run": hands.record_run}
    with task_hub([guard_run], activities) as client:
        client.schedule_new_orchestration("guard_run", input=GUARD, instance_id="guard")
        assert client.wait_for_orchestration_completion("guard", timeout=30) is not None
        looks = [e for e in client.get_orchestration_history("guard") if type(e).__name__ == "TimerFiredEvent"]
    assert hands.calls == {"check_run": 11, "end_run": 1, "record_run": 1}
    assert len(looks) <= 3


@pytest.mark.usefixtures("hasty")
def test_what_cannot_be_written_down_is_said_by_a_guard_that_fails_after_its_work() -> None:
    hands = Hands({"state": "over", "end": FINISHED})

    def full(_: dict[str, Any]) -> dict[str, Any]:
        raise OSError("no space")

    activities = {"check_run": hands.check_run, "end_run": hands.end_run, "record_run": full}
    with task_hub([guard_run], activities) as client:
        client.schedule_new_orchestration("guard_run", input=GUARD, instance_id="guard")
        state = client.wait_for_orchestration_completion("guard", timeout=30)
    assert state is not None
    assert state.failure_details is not None
    assert "no space" in state.failure_details.message
    assert len(hands.ended) == 1
