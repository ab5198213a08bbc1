"""What dies and comes back: tasks, the whole stack, segments, messages."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from media.verify import frame_times_of
from tests.end_to_end.local_stack import LocalStack, make_clip, wait_for

pytestmark = pytest.mark.timeout(300)

NewStack = Callable[..., LocalStack]


@pytest.fixture(scope="module")
def slow_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 frames that are painted: a task loads torch first, which is time enough to break things."""
    return make_clip(tmp_path_factory.mktemp("clips") / "slow.mp4", frames=48, sound=False)


def test_a_killed_gpu_task_is_tried_again_and_the_job_completes(
    new_stack: NewStack, slow_clip: Path, tmp_path: Path
) -> None:
    stack = new_stack(nodes=1)
    stack.upload(slow_clip, "killed.mp4")
    job = stack.submit(video="killed.mp4", style="starry-night")
    [pid] = wait_for(stack.gpu_task_pids)
    os.kill(pid, signal.SIGKILL)

    ended = stack.wait(job, 180)
    assert ended["runtimeStatus"] == "Completed", ended
    assert ended["customStatus"]["retries"] == 1
    assert frame_times_of(stack.download(f"{job}/video.mp4", tmp_path / "v.mp4")) == frame_times_of(slow_clip)
    ledger = json.loads(stack.download(f"{job}/ledger.json", tmp_path / "l").read_text())
    assert [entry["attempt"] for entry in ledger["entries"]] == [2]


def test_what_was_stored_the_moment_before_the_stack_is_killed_is_there_afterwards(new_stack: NewStack) -> None:
    stack = new_stack(nodes=1)
    for turn in range(3):
        stack.data.get_blob_client("videos", f"{turn}.bin").upload_blob(b"stored")
        stack.kill()
        stack.start()
    assert sorted(stack.data.get_container_client("videos").list_blob_names()) == ["0.bin", "1.bin", "2.bin"]


def test_a_killed_stack_goes_on_where_it_was_and_scores_no_finished_chunk_again(
    new_stack: NewStack, slow_clip: Path, tmp_path: Path
) -> None:
    stack = new_stack(nodes=1)
    stack.upload(slow_clip, "cut.mp4")
    job = stack.submit(video="cut.mp4", style="starry-night", options={"chunk_size": 12})
    segments = stack.system.get_container_client("jobs")
    prefix = f"{job}/segments/"
    wait_for(lambda: list(segments.list_blob_names(name_starts_with=prefix)), 120)
    stack.kill()
    assert wait_for(lambda: not stack.gpu_task_pids(), 20)
    stack.start()

    container = stack.system.get_container_client("jobs")
    before = {blob.name: blob.etag for blob in container.list_blobs(name_starts_with=prefix)}
    assert before
    ended = stack.wait(job, 200)
    assert ended["runtimeStatus"] == "Completed", ended
    ledger = json.loads(stack.download(f"{job}/ledger.json", tmp_path / "l").read_text())
    assert [(entry["first"], entry["last"]) for entry in ledger["entries"]] == [(0, 11), (12, 23), (24, 35), (36, 47)]
    logs = [name for name in stack.system_blobs("logs", f"{job}/") if name.endswith(".timings.json")]
    assert len(logs) == 4  # one task per chunk: none was scored under another id
    assert frame_times_of(stack.download(f"{job}/video.mp4", tmp_path / "v.mp4")) == frame_times_of(slow_clip)


def test_a_segment_deleted_before_the_stitch_fails_the_job_and_names_the_frames(
    new_stack: NewStack, slow_clip: Path
) -> None:
    stack = new_stack(nodes=1)
    stack.upload(slow_clip, "holed.mp4")
    request = {"video": "holed.mp4", "style": "starry-night", "options": {"chunk_size": 24}}
    job = stack.submit(**request)
    # Tasks run in the order their messages arrive, so either chunk may be the first to finish.
    [outcome] = wait_for(lambda: stack.system_blobs("jobs", f"{job}/outcomes/"), 120)
    chunk = Path(outcome).stem
    stack.system.get_blob_client("jobs", f"{job}/segments/{chunk}-a1-r1.mp4").delete_blob()

    ended = stack.wait(job, 200)
    assert ended["runtimeStatus"] == "Failed"
    frames = {"c00000": "0..23", "c00001": "24..47"}[chunk]
    assert f"frames {frames} are missing" in ended["customStatus"]["reason"]
    assert not list(stack.data.get_container_client("outputs").list_blob_names(name_starts_with=job))

    assert stack.submit(**request) == job  # started again, it scores only what is missing
    again = stack.wait(job, 200)
    assert again["runtimeStatus"] == "Completed", again
    second_run = [name for name in stack.system_blobs("logs", f"{job}/") if "-r2.timings" in name]
    assert second_run == [f"{job}/{chunk}-a1-r2.timings.json"]


def test_a_malformed_message_is_archived_with_its_reason_and_healthy_jobs_go_on(stack: LocalStack, clip: Path) -> None:
    for text in ("not json", '{"version": 7}', "{}"):
        stack.send("gpu-tasks", text)
    stack.send("gpu-results", '{"hello": "world"}')
    stack.upload(clip, "healthy.mp4")
    job = stack.submit(video="healthy.mp4", scorer="identity")
    assert stack.wait(job)["runtimeStatus"] == "Completed"

    sent = {"not json", '{"version": 7}', "{}"}

    def archived() -> dict[str, dict[str, Any]] | None:
        """By body: what of it was sent here; the stack may hold letters of other tests."""
        container = stack.system.get_container_client("deadletter")
        letters = [
            json.loads(container.download_blob(name).readall())
            for name in stack.system_blobs("deadletter", "gpu-tasks/")
        ]
        found = {letter["body"]: letter for letter in letters if letter["body"] in sent}
        return found if set(found) == sent else None

    for letter in wait_for(archived).values():
        assert letter["queue"] == "gpu-tasks"
        assert "not a valid GpuTask message" in letter["reason"]


@pytest.mark.parametrize("queue", ["gpu-tasks-poison", "gpu-results-poison"])
def test_what_lands_in_a_poison_queue_is_archived_whatever_it_is(stack: LocalStack, queue: str) -> None:
    stack.send(queue, "no message of ours")
    [name] = wait_for(lambda: stack.system_blobs("deadletter", f"{queue}/"))
    entry = json.loads(stack.system.get_blob_client("deadletter", name).download_blob().readall())
    assert (entry["queue"], entry["body"]) == (queue, "no message of ours")
    assert entry["reason"]
    wait_for(lambda: stack.waiting(queue) == 0)


def test_a_submission_that_keeps_failing_is_archived_and_ends_the_job_with_a_reason(
    new_stack: NewStack, clip: Path
) -> None:
    # The wrong key: Batch answers every submission with 403, as after a key rotation.
    wrong = "bm90LXRoZS1rZXktb2YtdGhpcy1hY2NvdW50"
    stack = new_stack(
        nodes=1, settings={"BATCH_ACCOUNT_KEY": wrong, "MAX_ATTEMPTS": "1", "GPU_TASK_POLL_SECONDS": "60"}
    )
    stack.upload(clip, "refused.mp4")
    job = stack.submit(video="refused.mp4", scorer="identity")

    ended = wait_for(lambda: found if (found := stack.job(job))["customStatus"].get("phase") == "failed" else None, 120)
    assert "could not be submitted to Batch" in ended["customStatus"]["reason"]
    assert "authenticat" in ended["customStatus"]["reason"].lower()
    assert wrong not in json.dumps(ended)
    [archived] = wait_for(lambda: stack.system_blobs("deadletter", "gpu-tasks-poison/"))
    entry = json.loads(stack.system.get_blob_client("deadletter", archived).download_blob().readall())
    assert entry["reason"] in ended["customStatus"]["reason"]
