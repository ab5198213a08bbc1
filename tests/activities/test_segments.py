"""Finished segments, in a real Azurite: what counts as a chunk's result and what does not."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from azure.storage.blob import BlobServiceClient

from activities import storage
from activities.segments import WrongSegment, find_outcome, read_outcome, record
from activities.verify_chunk import verify_chunk
from contracts import layout
from contracts.messages import GpuResult, StageSeconds
from contracts.plan import Chunk, Plan, PlanFigures
from contracts.steps import Check
from contracts.video_index import VideoIndex
from media.index import probe
from media.segment import EncoderSettings, SegmentWriter
from tests.azurite import Azurite
from tests.end_to_end.local_stack import make_clip

CHUNKS = (Chunk(index=0, first=0, last=7), Chunk(index=1, first=8, last=19))
SHA = "0" * 64


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> VideoIndex:
    clip = make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=20, size=(64, 48), sound=False)
    return probe(clip)


@pytest.fixture
def job(
    azurite: Azurite, index: VideoIndex, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A job whose video is probed and planned, in container `jobs`."""
    monkeypatch.setenv("SYSTEM_STORAGE", azurite.connection_string)
    storage.system_account.cache_clear()
    name = f"job-{zlib.crc32(request.node.name.encode())}"
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        container = service.get_container_client(layout.JOBS)
        if not container.exists():
            container.create_container()
    figures = PlanFigures(
        workers=1, start_up_seconds=0, seconds_per_frame=1, node_losses_per_hour=0, node_price_per_hour=0
    )
    plan = Plan(frame_count=20, chunks=CHUNKS, figures=figures, expected_seconds=1, expected_cost=0)
    storage.system_account().write_json(layout.JOBS, layout.index_blob(name), index)
    storage.system_account().write_json(layout.JOBS, layout.plan_blob(name), plan)
    yield name
    storage.system_account.cache_clear()


def put(job: str, index: VideoIndex, folder: Path, task: str, first: int, last: int, /, **metadata: str | None) -> str:
    """Upload a real segment of frames `first`..`last` as a task would."""
    path = folder / f"{task}.mp4"
    with SegmentWriter(path, index.window(first, last), first, last, (64, 48), EncoderSettings()) as writer:
        for number in range(first, last + 1):
            writer.write(np.full((48, 64, 3), number * 10, np.uint8))
    said = {"first": str(first), "last": str(last), "task": task, "sha256": SHA} | metadata
    name = layout.segment_blob(job, task, 1)
    container = storage.system_account().container(layout.JOBS)
    container.upload_blob(name, path.read_bytes(), metadata={k: v for k, v in said.items() if v is not None})
    return name


def check(job: str, task: str, chunk: int) -> Check:
    identity = {"job": job, "chunk": chunk, "attempt": 1, "task": task, "instance_id": "i"}
    result = GpuResult(**identity, outcome="succeeded", device="cpu", seconds=StageSeconds(total=3.0))
    return Check(**identity, run=1, result=result)


def test_a_right_segment_is_recorded_with_what_its_task_said(job: str, index: VideoIndex, tmp_path: Path) -> None:
    segment = put(job, index, tmp_path, "c00001-a1", 8, 19)
    verdict = verify_chunk(check(job, "c00001-a1", 1))
    assert (verdict.problem, verdict.frames) == (None, 12)
    found = find_outcome(job, CHUNKS[1])
    assert found is not None
    assert (found.segment, found.device, found.seconds.total, found.attempt) == (segment, "cpu", 3.0, 1)


def test_a_task_that_wrote_nothing_is_found_out(job: str) -> None:
    verdict = verify_chunk(check(job, "c00000-a1", 0))
    assert verdict.problem is not None
    assert "said it succeeded, but segment" in verdict.problem
    assert "does not exist" in verdict.problem


def test_a_segment_that_claims_frames_it_does_not_hold_is_found_out(
    job: str, index: VideoIndex, tmp_path: Path
) -> None:
    put(job, index, tmp_path, "c00000-a1", 0, 6, last="7")
    verdict = verify_chunk(check(job, "c00000-a1", 0))
    assert verdict.problem is not None
    assert "7 frames" in verdict.problem


def test_a_segment_without_its_hash_is_refused(job: str, index: VideoIndex, tmp_path: Path) -> None:
    name = put(job, index, tmp_path, "c00000-a1", 0, 7, sha256=None)
    with pytest.raises(WrongSegment, match="lacks the metadata sha256"):
        read_outcome(job, CHUNKS[0], name)


def test_a_file_that_is_no_video_is_refused(job: str) -> None:
    name = layout.segment_blob(job, "c00000-a1", 1)
    storage.system_account().write_text(layout.JOBS, name, "not a video")
    with pytest.raises(WrongSegment, match="not a segment"):
        read_outcome(job, CHUNKS[0], name)


def test_work_of_another_attempt_is_found_past_one_that_went_wrong(job: str, index: VideoIndex, tmp_path: Path) -> None:
    put(job, index, tmp_path, "c00000-a1", 0, 6, last="7")
    right = put(job, index, tmp_path, "c00000-a2", 0, 7)
    found = find_outcome(job, CHUNKS[0])
    assert found is not None
    assert (found.segment, found.attempt) == (right, 2)


def test_a_recorded_outcome_whose_segment_was_deleted_is_no_outcome(
    job: str, index: VideoIndex, tmp_path: Path
) -> None:
    name = put(job, index, tmp_path, "c00000-a1", 0, 7)
    record(job, read_outcome(job, CHUNKS[0], name))
    storage.system_account().container(layout.JOBS).delete_blob(name)
    assert find_outcome(job, CHUNKS[0]) is None
