"""What a job costs, and what of it was for nothing: every task's seconds count once, however the job went.

Tasks take 2 s at a price of 1 a second.
"""

from collections.abc import Callable
from typing import Any

import pytest
from durabletask.client import OrchestrationState, OrchestrationStatus

from contracts.job import JobRequest
from tests.orchestrations.harness import FRAMES_PER_CHUNK, Hands, result_of, run, span_of

pytestmark = pytest.mark.timeout(120)

Fails = Callable[[dict[str, Any]], bool]
SECONDS = 2.0


class Counting(Hands):
    """Tasks that fail where `fails` says so; `sent` and `failed` count them."""

    def __init__(self, fails: Fails, *, fit: bool = False, on_node: bool = False, spent: float = 0.0, **more: Any):
        super().__init__(**more)
        self.fails, self.fit, self.on_node, self.spent = fails, fit, on_node, spent
        self.sent = self.failed = 0

    def _do(self, task: dict[str, Any], **answer: Any) -> dict[str, Any]:
        bad = self.fails(task)
        with self.lock:
            self.sent, self.failed = self.sent + 1, self.failed + bad
        self.send(result_of(task, outcome="failed", reason="it broke") if bad else result_of(task))
        return {"state": "submitted"} | answer

    def find_model(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"needed": "fit" if self.fit else "ready"}

    def submit_fit(self, task: dict[str, Any]) -> dict[str, Any]:
        return self._do(task)

    def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
        return self._do(task, span=span_of(task))

    def verify_chunk(self, check: dict[str, Any]) -> dict[str, Any]:
        first, last = span_of(check)
        return {"frames": last - first + 1}

    def stitch_video(self, run: dict[str, Any]) -> dict[str, Any]:
        return {} if self.on_node else super().stitch_video(run)

    def submit_stitch(self, task: dict[str, Any]) -> dict[str, Any]:
        return self._do(task)

    def end_run(self, end: dict[str, Any]) -> dict[str, Any]:
        return super().end_run(end) | {"cost": self.spent if end["outcome"] == "failed" else 0.0}


def ended(hands: Counting) -> tuple[OrchestrationState, dict[str, Any]]:
    state = run(hands)
    return state, state.get_custom_status()


def first_attempts(task: dict[str, Any]) -> bool:
    return task["attempt"] == 1


def frame_13(task: dict[str, Any]) -> bool:
    """Whatever holds frame 13 and is to score it breaks: the chunk is halved down to it, and then it is held."""
    if task["chunk"] is None:
        return False
    first, last = span_of(task)
    return first <= 13 <= last and task["replacement"] is None


@pytest.mark.parametrize(
    ("fails", "more"),
    [
        (lambda task: False, {"fit": True, "on_node": True}),
        (first_attempts, {"fit": True, "on_node": True}),
        (first_attempts, {"chunks_per_group": 2}),
        (lambda task: task["chunk"] == 1 and task["attempt"] < 3, {}),
        (frame_13, {"on_bad_frame": "hold", "max_bad_frames": 1, "max_bad_run": 1, "max_attempts": 2}),
    ],
    ids=["nothing fails", "each first attempt fails", "in groups", "two of three attempts", "halved to one frame"],
)
def test_every_tasks_seconds_count_once_and_those_that_failed_are_told(fails: Fails, more: dict[str, Any]) -> None:
    hands = Counting(fails, **more)
    state, status = ended(hands)
    assert state.runtime_status is OrchestrationStatus.COMPLETED, status["reason"]
    assert (status["cost"], status["wasted_cost"]) == (hands.sent * SECONDS, hands.failed * SECONDS)
    assert status["wasted_seconds"] == hands.failed * SECONDS
    assert status["frames_done"] == hands.chunks * FRAMES_PER_CHUNK
    [published] = hands.payloads("publish")
    assert (published["cost"], published["wasted_cost"]) == (status["cost"], status["wasted_cost"])


def test_a_fit_alone_tells_what_its_failures_cost() -> None:
    hands = Counting(first_attempts, fit=True)
    state = run(hands, request=JobRequest(style="mine", fit_only=True), video_etag=None)
    assert (state.get_output()["cost"], state.get_output()["wasted_cost"]) == (4.0, 2.0)
    assert state.get_custom_status()["wasted_cost"] == 2.0


@pytest.mark.parametrize(
    ("fails", "more"),
    [
        (lambda task: task["chunk"] is None, {"fit": True}),
        (lambda task: task["chunk"] == 0, {"max_attempts": 1}),
        (lambda task: task["chunk"] == 0, {"max_attempts": 1, "chunks_per_group": 1}),
        (lambda task: task["chunk"] is None, {"on_node": True}),
    ],
    ids=["the fit", "a chunk", "a chunk of a group", "the stitch"],
)
def test_a_job_that_failed_tells_what_failing_cost(fails: Fails, more: dict[str, Any]) -> None:
    hands = Counting(fails, chunks=2, **more)
    state, status = ended(hands)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert hands.failed >= 3
    assert status["wasted_cost"] == hands.failed * SECONDS
    assert status["wasted_cost"] <= status["cost"] <= hands.sent * SECONDS


def test_a_failed_jobs_cost_is_that_of_all_its_tasks_by_batchs_own_times() -> None:
    """Those too that were ended with it, and so never said a word."""
    _, status = ended(Counting(lambda task: True, spent=123.5))
    assert status["cost"] == 123.5


def test_the_currency_goes_with_the_cost() -> None:
    assert ended(Counting(lambda task: False, currency="EUR"))[1]["currency"] == "EUR"
