"""A result that is too large for the app, on the real durable engine."""

from typing import Any

import pytest
from durabletask.client import OrchestrationStatus

from tests.orchestrations.harness import Hands, result_of, run

pytestmark = pytest.mark.timeout(120)


class TooLarge(Hands):
    def stitch_video(self, run: dict[str, Any]) -> dict[str, Any]:
        return {}


def test_what_the_app_can_stitch_needs_no_task() -> None:
    hands = Hands(chunks=1)
    assert run(hands).runtime_status is OrchestrationStatus.COMPLETED
    assert hands.calls["submit_stitch"] == hands.calls["publish_stitched"] == 0


def test_what_it_cannot_is_a_task_whose_verified_output_is_published_and_whose_seconds_are_paid() -> None:
    hands = TooLarge(chunks=2)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.COMPLETED
    order = list(dict.fromkeys(name for name, _ in hands.log))
    stitching = ["stitch_video", "submit_stitch", "verify_stitch", "publish_stitched"]
    assert order[-6:] == [*stitching, "publish", "end_run"]
    assert hands.payloads("publish_stitched")[0]["task"] == "stitch-a1"
    assert hands.payloads("submit_stitch")[0]["instance_id"].endswith(":r1:stitch")
    assert state.get_custom_status()["cost"] == 6.0  # three tasks of 2 s at a price of 1 a second


def test_an_attempt_that_failed_or_left_something_else_is_followed_by_another() -> None:
    class Flaky(TooLarge):
        def submit_stitch(self, task: dict[str, Any]) -> dict[str, Any]:
            died = task["attempt"] == 1
            self.send(result_of(task, outcome="failed", reason="exit code 137") if died else result_of(task))
            return {"state": "submitted"}

        def verify_stitch(self, check: dict[str, Any]) -> dict[str, Any]:
            return {"problem": "it holds 9 frames"} if check["attempt"] == 2 else {}

    hands = Flaky(chunks=1)
    assert run(hands).runtime_status is OrchestrationStatus.COMPLETED
    assert [payload["task"] for payload in hands.payloads("submit_stitch")] == ["stitch-a1", "stitch-a2", "stitch-a3"]
    assert [payload["task"] for payload in hands.payloads("publish_stitched")] == ["stitch-a3"]
    assert hands.payloads("publish")[0]["wasted_seconds"] == 4.0


def test_a_stitch_that_is_given_up_fails_the_job_and_is_kept() -> None:
    class Broken(TooLarge):
        def submit_stitch(self, task: dict[str, Any]) -> dict[str, Any]:
            self.send(result_of(task, outcome="failed", reason="segments do not fit", cause="job"))
            return {"state": "submitted"}

    hands = Broken(chunks=1)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.FAILED
    reason = "the result could not be stitched: 1 attempt failed: segments do not fit"
    assert state.get_custom_status()["reason"] == reason
    assert hands.payloads("bury_task")[0]["task"] == "stitch-a1"
    assert hands.calls["publish_stitched"] == hands.calls["publish"] == 0


def test_what_the_gate_refuses_is_not_submitted_again() -> None:
    class Refusing(TooLarge):
        def submit_stitch(self, task: dict[str, Any]) -> dict[str, Any]:
            return {"refused": "frames 3..5 are missing"}

    hands = Refusing(chunks=1)
    assert run(hands).get_custom_status()["reason"] == "frames 3..5 are missing"
    assert hands.calls["submit_stitch"] == 1
