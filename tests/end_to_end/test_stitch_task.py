"""A result that is too large for the app is stitched by a task on a node, and published as any other."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.provenance import Provenance
from media.verify import audio_digests, frame_times_of
from tests.end_to_end.local_stack import LocalStack, wait_for

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]

# A price of 1 a second.
SETTINGS = {"STITCH_INLINE_BYTES": "0", "NODE_PRICE_PER_HOUR": "3600", "GUARD_SECONDS": "1"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("stack"), nodes=1, settings=SETTINGS) as running:
        yield running


def submit(stack: LocalStack, clip: Path, name: str) -> str:
    stack.upload(clip, name)
    return stack.submit(video=name, scorer="identity", options={"chunk_size": 20})


def stitching_pid(stack: LocalStack, job: str) -> int | None:
    """The process of the job's stitching task."""
    for pid in stack.gpu_task_pids():
        if "stitch-a" in str(Path(f"/proc/{pid}/cwd").readlink()):
            return pid
    return None


def seconds_of(stack: LocalStack, job: str, task: str) -> float:
    blob = stack.system.get_blob_client("logs", f"{job}/{task}-r1.timings.json")
    return json.loads(blob.download_blob().readall())["result"]["seconds"]["total"]


def test_a_node_stitches_what_the_app_would_and_its_seconds_are_paid(
    stack: LocalStack, clip: Path, tmp_path: Path
) -> None:
    job = submit(stack, clip, "large.mp4")
    ended = stack.wait(job)

    assert ended["runtimeStatus"] == "Completed", ended
    assert stack.batch_tasks(job) == ["c00000-a1", "c00001-a1", "c00002-a1", "stitch-a1"]
    video = stack.download(f"{job}/video.mp4", tmp_path / "v.mp4")
    assert frame_times_of(video) == frame_times_of(clip)
    assert audio_digests(video) == audio_digests(clip)
    published = stack.data.get_blob_client("outputs", f"{job}/video.mp4").get_blob_properties()
    provenance = Provenance.model_validate_json(stack.download(f"{job}/provenance.json", tmp_path / "p").read_text())
    assert published.content_settings.content_type == "video/mp4"
    assert published.metadata["sha256"] == provenance.output_sha256
    assert [(track.codec, track.action) for track in provenance.audio] == [("aac", "copied")]
    tasks = stack.batch_tasks(job)
    assert provenance.cost == pytest.approx(sum(seconds_of(stack, job, task) for task in tasks), rel=0.01)
    assert ended["customStatus"]["cost"] == provenance.cost
    wait_for(lambda: not stack.instances_under_way(job), 20)
    assert not [name for name in stack.system_blobs("jobs", f"{job}/") if "/stitched/" in name or "/specs/" in name]


def test_a_killed_stitching_task_is_tried_again(stack: LocalStack, clip: Path, tmp_path: Path) -> None:
    job = submit(stack, clip, "killed.mp4")
    os.kill(wait_for(lambda: stitching_pid(stack, job)), signal.SIGKILL)

    assert stack.wait(job)["runtimeStatus"] == "Completed"
    assert stack.batch_tasks(job)[-2:] == ["stitch-a1", "stitch-a2"]
    assert frame_times_of(stack.download(f"{job}/video.mp4", tmp_path / "v.mp4")) == frame_times_of(clip)


def test_a_job_cancelled_while_a_node_stitches_publishes_nothing(stack: LocalStack, clip: Path) -> None:
    job = submit(stack, clip, "cancelled.mp4")
    pid = wait_for(lambda: stitching_pid(stack, job))
    os.kill(pid, signal.SIGSTOP)  # so that it cannot be done before the word comes
    assert stack.delete(job).status_code == 202
    stack.wait(job)
    # What it had under way may land after the first clean-up.
    late = stack.system.get_blob_client("jobs", f"{job}/stitched/stitch-a1-r1.mp4")
    late.upload_blob(b"uploaded in the very moment", overwrite=True)
    wait_for(lambda: not stack.gpu_task_pids(), 20)
    wait_for(lambda: not stack.instances_under_way(job), 20)
    assert not [name for name in stack.system_blobs("jobs", f"{job}/") if "/stitched/" in name]
    assert not list(stack.data.get_container_client("outputs").list_blob_names(name_starts_with=job))
