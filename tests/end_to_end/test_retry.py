"""A job that failed goes on where it was: what it had finished is kept, only what is missing is scored."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.ledger import Ledger
from media.verify import frame_times_of
from tests.end_to_end.local_stack import LocalStack, make_clip, wait_for

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]

NewStack = Callable[..., LocalStack]
IDENTITY = {"scorer": "identity", "options": {"chunk_size": 10}}


def test_a_job_whose_segment_was_lost_scores_only_that_one_again(
    new_stack: NewStack, clip: Path, tmp_path: Path
) -> None:
    stack = new_stack(nodes=1, settings={"GUARD_SECONDS": "1"})
    metadata = {"atelier_options": json.dumps(IDENTITY)}
    blob = "starry-night/holed.mp4"
    stack.upload(clip, blob, metadata)
    [job] = wait_for(lambda: [found["job"] for found in stack.jobs()])
    [first, *_] = wait_for(lambda: stack.system_blobs("jobs", f"{job}/outcomes/"), 60)
    chunk = Path(first).stem
    stack.system.get_blob_client("jobs", f"{job}/segments/{chunk}-a1-r1.mp4").delete_blob()

    failed = stack.wait(job)
    assert (failed["runtimeStatus"], failed["customStatus"]["phase"]) == ("Failed", "failed")
    told = stack.data.get_blob_client("videos", f"{blob}.error.json")
    error = json.loads(wait_for(told.exists, 20) and told.download_blob().readall())["errors"][0]
    assert (error["field"], error["value"]) == ("job", job)
    assert "are missing" in error["problem"]

    answer = stack.retry(job)
    assert answer.status_code == 202
    assert answer.json()["id"] == job
    assert stack.wait(job)["runtimeStatus"] == "Completed"
    assert len(stack.batch_tasks(job)) == 6
    assert stack.batch_tasks(f"{job}-r2") == [f"{chunk}-a1"]
    ledger = Ledger.model_validate_json(stack.download(f"{job}/ledger.json", tmp_path / "l").read_text())
    ledger.require_complete()
    assert frame_times_of(stack.download(f"{job}/video.mp4", tmp_path / "v.mp4")) == frame_times_of(clip)
    wait_for(lambda: not told.exists(), 20)
    wait_for(lambda: not stack.instances_under_way(job), 20)
    assert not [name for name in stack.system_blobs("jobs", f"{job}/") if "/segments/" in name or "/outcomes/" in name]


def test_a_job_that_batch_would_not_take_completes_once_it_does(new_stack: NewStack, tmp_path: Path) -> None:
    # The wrong key: Batch answers everything with 403, as after a key rotation.
    wrong = {"BATCH_ACCOUNT_KEY": "bm90LXRoZS1rZXktb2YtdGhpcy1hY2NvdW50", "MAX_ATTEMPTS": "1"}
    stack = new_stack(nodes=1, settings=wrong | {"GPU_TASK_POLL_SECONDS": "60"})
    stack.upload(make_clip(tmp_path / "short.mp4", frames=3, sound=False), "refused.mp4")
    job = stack.submit(video="refused.mp4", scorer="identity", options={"chunk_size": 1})
    wait_for(lambda: stack.job(job)["customStatus"].get("phase") == "failed", 120)
    stack.stop()

    stack.change_settings()
    stack.start()
    assert stack.wait(job)["runtimeStatus"] == "Failed"
    assert stack.retry(job).status_code == 202
    assert stack.wait(job)["runtimeStatus"] == "Completed"
    assert len(stack.batch_tasks(f"{job}-r2")) == 3


def test_a_retry_of_what_cannot_be_retried_says_why(new_stack: NewStack, clip: Path, tmp_path: Path) -> None:
    stack = new_stack(nodes=1)
    assert stack.retry("no-such-job").status_code == 404
    text = tmp_path / "text.mp4"
    text.write_text("no video at all")
    stack.upload(text, "bad.mp4")
    job = stack.submit(video="bad.mp4", scorer="identity")
    assert stack.wait(job)["runtimeStatus"] == "Failed"
    stack.upload(clip, "bad.mp4")
    answer = stack.retry(job)
    assert answer.status_code == 409
    [error] = answer.json()["errors"]
    assert (error["field"], error["value"]) == ("video", "bad.mp4")
    assert "submit the job again" in error["problem"]
