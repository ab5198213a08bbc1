"""The life of a video, on the real durable engine."""

import time
from typing import Any

import pytest
from durabletask.client import OrchestrationStatus

from tests.orchestrations.harness import FRAMES_PER_CHUNK, Hands, result_of, run, start_input, workflow

pytestmark = pytest.mark.timeout(120)


def test_a_job_is_probed_planned_scored_stitched_published_and_ended_in_that_order() -> None:
    hands = Hands(chunks=3)
    state = run(hands)

    assert state.runtime_status is OrchestrationStatus.COMPLETED
    assert state.get_output()["output"] == "clip-0123456789abcdef/video.mp4"
    status = state.get_custom_status()
    assert (status["phase"], status["chunks_done"], status["frames_done"]) == ("finished", 3, 3 * FRAMES_PER_CHUNK)
    order = list(dict.fromkeys(name for name, _ in hands.log))
    assert order[:4] == ["probe_video", "plan_chunks", "find_model", "submit_chunk"]
    assert order[-3:] == ["stitch_video", "publish", "end_run"]
    assert hands.payloads("end_run")[0]["reason"] is None
    assert not hands.payloads("end_run")[0]["clean_up"]  # which is the guard's


def test_the_cost_is_that_of_all_node_seconds() -> None:
    assert run(Hands(chunks=3)).get_custom_status()["cost"] == 6.0  # 3 tasks x 2 s at a price of 1 a second


def test_how_long_scoring_took_is_told_without_what_came_before_and_after() -> None:
    class Unhurried(Hands):
        prepared = stitching = 0.0

        def find_model(self, run: dict[str, Any]) -> dict[str, Any]:
            time.sleep(0.5)
            self.prepared = time.time()
            return super().find_model(run)

        def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
            time.sleep(0.5)
            return super().submit_chunk(task)

        def stitch_video(self, run: dict[str, Any]) -> dict[str, Any]:
            self.stitching = time.time()
            time.sleep(0.5)
            return super().stitch_video(run)

    hands = Unhurried(chunks=1)
    state = run(hands)
    seconds = hands.payloads("publish")[0]["scoring_seconds"]
    assert 0.5 <= seconds <= hands.stitching - hands.prepared
    assert state.get_custom_status()["makespan"]["actual_seconds"] == seconds
    assert state.get_output()["makespan"]["actual_seconds"] == seconds


def test_a_failed_attempt_is_followed_by_another_with_its_own_task_id() -> None:
    class Flaky(Hands):
        def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
            ok = task["chunk"] != 1 or task["attempt"] == 2
            self.send(result_of(task) if ok else result_of(task, outcome="failed", reason="CUDA out of memory"))
            return {"state": "submitted"}

    hands = Flaky(chunks=2)
    state = run(hands)

    assert state.runtime_status is OrchestrationStatus.COMPLETED
    tasks = [payload["task"] for payload in hands.payloads("submit_chunk") if payload["chunk"] == 1]
    assert tasks == ["c00001-a1", "c00001-a2"]
    assert state.get_custom_status()["retries"] == 1
    assert hands.payloads("publish")[0]["wasted_seconds"] == 2.0


def test_a_chunk_that_keeps_failing_fails_the_job_with_its_reason_and_nothing_is_published() -> None:
    class Broken(Hands):
        def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
            self.send(result_of(task, outcome="failed", reason="the source is gone", cause="node"))
            return {"state": "submitted"}

    hands = Broken(chunks=1)
    state = run(hands)

    assert state.runtime_status is OrchestrationStatus.FAILED
    status = state.get_custom_status()
    assert status["phase"] == "failed"
    assert status["reason"] == "3 attempts failed: the source is gone"
    assert hands.calls["stitch_video"] == hands.calls["publish"] == 0
    assert hands.payloads("end_run")[0]["reason"] == status["reason"]
    assert hands.payloads("end_run")[0]["clean_up"]  # before somebody tries again


def test_a_refused_video_fails_at_once_and_is_not_tried_again() -> None:
    class Refusing(Hands):
        def probe_video(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"refused": "no video stream"}

    hands = Refusing()
    state = run(hands)

    assert state.runtime_status is OrchestrationStatus.FAILED
    assert state.get_custom_status()["reason"] == "no video stream"
    assert hands.calls["probe_video"] == 1
    assert hands.calls["submit_chunk"] == 0


def test_a_task_that_dies_without_a_word_is_found_by_the_timer() -> None:
    class Silent(Hands):
        def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
            if task["attempt"] == 2:
                self.send(result_of(task))
            return {"state": "submitted"}

        def inspect_gpu_task(self, task: dict[str, Any]) -> dict[str, Any]:
            return {"state": "finished", "result": result_of(task, outcome="failed", reason="exit code 137")}

    hands = Silent(chunks=1, poll_seconds=0.2)
    state = run(hands)

    assert state.runtime_status is OrchestrationStatus.COMPLETED
    assert hands.calls["inspect_gpu_task"] == 2  # the second time in case its message was on the way
    assert hands.calls["submit_chunk"] == 2


def test_a_result_that_arrives_just_after_its_task_ended_is_believed_before_batch_is() -> None:
    class Crossing(Hands):
        def submit_chunk(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"state": "submitted"}

        def inspect_gpu_task(self, task: dict[str, Any]) -> dict[str, Any]:
            self.send(result_of(task, outcome="failed", reason="frame 61 could not be decoded"))
            return {"state": "finished", "result": result_of(task, outcome="failed", reason="exit code 1")}

    state = run(Crossing(chunks=1, poll_seconds=0.2, max_attempts=1))
    assert state.get_custom_status()["reason"] == "1 attempt failed: frame 61 could not be decoded"


def test_a_lost_result_message_costs_time_and_no_second_task() -> None:
    class Lost(Hands):
        def submit_chunk(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"state": "submitted"}

        def inspect_gpu_task(self, task: dict[str, Any]) -> dict[str, Any]:
            return {"state": "finished", "result": result_of(task)}

    hands = Lost(chunks=1, poll_seconds=0.2)
    assert run(hands).runtime_status is OrchestrationStatus.COMPLETED
    assert hands.calls["submit_chunk"] == 1


def test_a_task_that_never_reaches_batch_is_given_up_after_some_looks() -> None:
    class Swallowed(Hands):
        def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
            return {"state": "submitted"}

        def inspect_gpu_task(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"state": "missing"}

    hands = Swallowed(chunks=1, poll_seconds=0.05, max_attempts=2)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert "never reached Batch" in state.get_custom_status()["reason"]
    assert hands.calls["inspect_gpu_task"] == 10


def test_a_late_result_of_an_earlier_attempt_is_not_taken_for_the_current_one() -> None:
    class Late(Hands):
        def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
            if task["attempt"] == 1:
                self.send(result_of(task, outcome="failed", reason="first"))
            else:
                self.send(result_of(task, task="c00000-a1", attempt=1, outcome="failed", reason="late"))
                self.send(result_of(task))
            return {"state": "submitted"}

    hands = Late(chunks=1)
    assert run(hands).runtime_status is OrchestrationStatus.COMPLETED
    assert hands.calls["submit_chunk"] == 2


def test_a_segment_that_is_not_what_was_planned_is_scored_again() -> None:
    class Wrong(Hands):
        def verify_chunk(self, check: dict[str, Any]) -> dict[str, Any]:
            return {"problem": "wrote frames 0..8"} if check["attempt"] == 1 else {"frames": FRAMES_PER_CHUNK}

    hands = Wrong(chunks=1)
    assert run(hands).runtime_status is OrchestrationStatus.COMPLETED
    assert [payload["attempt"] for payload in hands.payloads("verify_chunk")] == [1, 2]


def test_finished_chunks_of_an_earlier_run_are_not_scored_again() -> None:
    class Resumed(Hands):
        def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
            if task["chunk"] == 0:
                return {"state": "done", "frames": FRAMES_PER_CHUNK}
            return super().submit_chunk(task)

    hands = Resumed(chunks=2)
    state = run(hands, run=2)
    assert state.runtime_status is OrchestrationStatus.COMPLETED
    assert [payload["chunk"] for payload in hands.payloads("verify_chunk")] == [1]
    assert state.get_custom_status()["frames_done"] == 2 * FRAMES_PER_CHUNK


def test_a_style_without_weights_is_fitted_before_any_chunk_is_scored() -> None:
    class Unfitted(Hands):
        def find_model(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"needed": "fit"}

    hands = Unfitted(chunks=1)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.COMPLETED
    names = [name for name, _ in hands.log]
    assert names.index("verify_fit") < names.index("submit_chunk")
    assert hands.payloads("submit_fit")[0]["task"] == "fit-a1"
    assert state.get_custom_status()["cost"] == 4.0


def test_a_wide_job_is_scored_in_groups_and_every_chunk_once() -> None:
    hands = Hands(chunks=7, chunks_per_group=3)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.COMPLETED
    assert sorted(payload["chunk"] for payload in hands.payloads("submit_chunk")) == list(range(7))
    assert state.get_custom_status()["chunks_done"] == 7


def test_progress_of_running_tasks_is_shown_between_finished_chunks() -> None:
    class Slow(Hands):
        def measure_progress(self, _: dict[str, Any]) -> dict[str, Any]:
            for payload in self.payloads("submit_chunk"):
                self.send(result_of(payload))
            return {"frames": 7}

        def submit_chunk(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"state": "submitted"}

    hands = Slow(chunks=2, progress_seconds=0.2)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.COMPLETED
    assert hands.calls["measure_progress"] >= 1


def test_chunks_of_a_group_count_and_cost_before_all_of_it_is_done() -> None:
    class Slow(Hands):
        seen = False

        def measure_progress(self, _: dict[str, Any]) -> dict[str, Any]:
            for payload in self.payloads("submit_chunk") if self.seen else ():
                self.send(result_of(payload))
            return {"frames": 15, "chunks": 1, "seconds": 2.5}

        def submit_chunk(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"state": "submitted"}

    hands = Slow(chunks=4, chunks_per_group=2, progress_seconds=0.1)
    with workflow(hands) as client:
        payload = start_input()
        client.schedule_new_orchestration("score_video", input=payload, instance_id=payload["job"])
        status: dict[str, Any] = {}
        while status.get("chunks_done") != 1:
            state = client.get_orchestration_state(payload["job"])
            status = (state and state.serialized_custom_status and state.get_custom_status()) or {}
            time.sleep(0.02)
        assert status["cost"] == 2.5
        hands.seen = True
        done = client.wait_for_orchestration_completion(payload["job"], timeout=60)
    assert done is not None
    assert done.get_custom_status()["chunks_done"] == 4
    assert done.get_custom_status()["cost"] == 8.0


def test_a_chunk_of_a_run_that_was_ended_stops() -> None:
    class Ended(Hands):
        def submit_chunk(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"state": "submitted"}

        def inspect_gpu_task(self, _: dict[str, Any]) -> dict[str, Any]:
            return {"state": "ended"}

    hands = Ended(chunks=1, poll_seconds=0.1)
    state = run(hands)
    assert state.get_custom_status()["reason"] == "the run was ended"
    assert hands.calls["submit_chunk"] == 1
