"""Reusing, fitting and awaiting a model, and jobs that only fit, on the real durable engine."""

from typing import Any

import pytest
from durabletask.client import OrchestrationStatus

from contracts.job import JobRequest
from tests.orchestrations.harness import Hands, result_of, run

pytestmark = pytest.mark.timeout(120)

MODEL = "ab" * 32
ONLY = {
    "request": JobRequest(style="strokes", fit_only=True),
    "video_etag": None,
    "video_bytes": 0,
    "style_blob": "strokes.png",
    "style_etag": '"0x2"',
}
DONE = {"step": 9, "steps": 9, "style": 0.25, "content": None, "consistency": None, "seconds_left": None}


class Unfitted(Hands):
    """The style must be fitted first."""

    def find_model(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"needed": "fit", "model": MODEL}

    def submit_fit(self, task: dict[str, Any]) -> dict[str, Any]:
        self.send(result_of(task, fit=DONE | {"job": "a-lie"}))
        return {"state": "submitted"}


class Waiting(Unfitted):
    """Another job fits, and has done so by the third look."""

    def claim_fit(self, _: dict[str, Any]) -> dict[str, Any]:
        if self.calls["claim_fit"] < 3:
            return {"state": "theirs", "fit": {"step": 0, "steps": 9, "job": "other"}}
        return {"state": "ready", "fit": DONE | {"job": "other"}}


def test_where_a_fit_ended_stays_in_the_status_of_its_job() -> None:
    status = run(Unfitted(chunks=1)).get_custom_status()
    assert status["fit"] == DONE | {"job": None, "seconds_left": 0.0}


def test_a_job_whose_model_is_there_shows_no_fit_and_claims_none() -> None:
    hands = Hands(chunks=1)
    assert run(hands).get_custom_status()["fit"] is None
    assert hands.calls["claim_fit"] == hands.calls["submit_fit"] == 0


def test_a_fit_that_another_job_does_is_awaited_and_costs_nothing() -> None:
    hands = Waiting(chunks=1, poll_seconds=0.1)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.COMPLETED
    assert (hands.calls["claim_fit"], hands.calls["submit_fit"]) == (3, 0)
    status = state.get_custom_status()
    assert status["fit"] == DONE | {"job": "other"}
    assert status["cost"] == 2.0  # its one chunk's


def test_a_fit_that_is_left_to_a_waiting_job_is_done_by_it() -> None:
    class Left(Waiting):
        def claim_fit(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"state": "theirs" if self.calls["claim_fit"] < 2 else "ours"}

    hands = Left(chunks=1, poll_seconds=0.1)
    assert run(hands).get_custom_status()["cost"] == 4.0
    assert [task["task"] for task in hands.payloads("submit_fit")] == ["fit-a1"]


def test_progress_is_measured_while_the_model_is_prepared_and_the_time_left_told_by_its_pace() -> None:
    class Slow(Unfitted):
        shown: list[int]

        def submit_fit(self, task: dict[str, Any]) -> dict[str, Any]:
            return {"state": "submitted"}

        def measure_fit(self, _: dict[str, Any]) -> dict[str, Any]:
            look = self.calls["measure_fit"]
            if look == 4:  # a message without progress: what was shown last stays
                self.send(result_of(self.payloads("submit_fit")[0]))
            return {"fit": {"step": 100 * look, "steps": 1000, "style": 0.5} if look < 4 else None}

    hands = Slow(chunks=1, progress_seconds=0.2)
    fit = run(hands).get_custom_status()["fit"]
    assert hands.calls["measure_fit"] >= 4
    assert (fit["step"], fit["steps"], fit["style"]) == (300, 1000, 0.5)
    assert fit["seconds_left"] > 0


def test_another_jobs_fit_that_is_over_is_not_shown_any_more() -> None:
    class Over(Unfitted):
        def submit_fit(self, task: dict[str, Any]) -> dict[str, Any]:
            return {"state": "submitted"}

        def measure_fit(self, _: dict[str, Any]) -> dict[str, Any]:
            if self.calls["measure_fit"] == 1:
                return {"fit": {"step": 5, "steps": 9, "job": "other"}}
            self.send(result_of(self.payloads("submit_fit")[0]))
            return {"fit": None}

    hands = Over(chunks=1, progress_seconds=0.2)
    assert run(hands).get_custom_status()["fit"] is None


def test_a_fit_that_keeps_failing_is_buried_and_fails_the_job() -> None:
    class Broken(Unfitted):
        def submit_fit(self, task: dict[str, Any]) -> dict[str, Any]:
            self.send(result_of(task, outcome="failed", reason="CUDA error", cause="node"))
            return {"state": "submitted"}

    hands = Broken(chunks=1)
    status = run(hands).get_custom_status()
    assert status["reason"] == "the style could not be fitted: 3 attempts failed: CUDA error"
    assert (status["retries"], status["cost"]) == (2, 6.0)
    [burial] = hands.payloads("bury_task")
    assert (burial["chunk"], burial["task"], burial["reason"]) == (None, "fit-a3", status["reason"])
    assert hands.calls["submit_chunk"] == 0


def test_a_fit_that_no_attempt_can_do_is_tried_once() -> None:
    class Hopeless(Unfitted):
        def submit_fit(self, task: dict[str, Any]) -> dict[str, Any]:
            self.send(result_of(task, outcome="failed", reason="no weights of vgg19", cause="job"))
            return {"state": "submitted"}

    hands = Hopeless(chunks=1)
    assert "1 attempt failed: no weights of vgg19" in run(hands).get_custom_status()["reason"]
    assert hands.calls["submit_fit"] == hands.calls["bury_task"] == 1


def test_weights_that_are_not_what_they_should_be_are_fitted_again() -> None:
    class Wrong(Unfitted):
        def verify_fit(self, check: dict[str, Any]) -> dict[str, Any]:
            return {"problem": "they are not"} if check["attempt"] == 1 else {}

    hands = Wrong(chunks=1)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.COMPLETED
    assert [task["task"] for task in hands.payloads("submit_fit")] == ["fit-a1", "fit-a2"]


def test_a_run_that_was_ended_before_its_turn_fits_nothing() -> None:
    class Ended(Unfitted):
        def claim_fit(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"state": "ended"}

    hands = Ended(chunks=1)
    assert run(hands).get_custom_status()["reason"] == "the run was ended"
    assert hands.calls["submit_fit"] == 0


def test_a_job_that_only_fits_ends_with_its_model_and_neither_probes_nor_scores() -> None:
    hands = Unfitted()
    state = run(hands, **ONLY)
    assert state.runtime_status is OrchestrationStatus.COMPLETED
    output = state.get_output()
    assert {key: value for key, value in output.items() if value} == {"job": output["job"], "model": MODEL, "cost": 2.0}
    assert [name for name, _ in hands.log] == [
        *("plan_fit", "find_model", "claim_fit", "submit_fit", "verify_fit", "end_run"),
    ]
    status = state.get_custom_status()
    assert (status["phase"], status["expected_seconds"], status["fit"]["step"]) == ("finished", 9.0, 9)
    assert (status["video"], status["frames"], status["chunks"]) == (None, 0, 0)


def test_a_job_that_only_fits_on_a_video_probes_that_and_plans_no_chunks() -> None:
    hands = Unfitted()
    with_video = ONLY | {"request": JobRequest(style="strokes", fit_only=True, video="a.mp4"), "video_etag": '"0x1"'}
    assert run(hands, **with_video).runtime_status is OrchestrationStatus.COMPLETED
    assert hands.calls["probe_video"] == 1
    assert hands.calls["plan_chunks"] == hands.calls["submit_chunk"] == hands.calls["publish"] == 0


def test_a_fit_that_would_cost_too_much_fails_before_it_begins() -> None:
    class Dear(Unfitted):
        def plan_fit(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"refused": "over the limit"}

    hands = Dear()
    state = run(hands, **ONLY)
    assert state.get_custom_status()["reason"] == "over the limit"
    assert hands.calls["submit_fit"] == 0
    assert hands.payloads("end_run")[0]["reason"] == "over the limit"
