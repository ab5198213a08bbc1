"""Finished segments, in a real Azurite: what counts as a chunk's result and what does not."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from azure.storage.blob import BlobServiceClient

from activities import segments, storage
from activities.refusal import JobRefused
from activities.segments import Work, WrongSegment, find_outcomes, read_outcome, read_outcomes, record
from activities.stitch_video import stitch_video
from activities.submit_chunk import submit_chunk, window_start
from activities.verify_chunk import verify_chunk
from contracts import layout
from contracts.job import JobRequest, StartInput
from contracts.ledger import ChunkOutcome
from contracts.messages import GpuResult, StageSeconds
from contracts.plan import Chunk, Plan, PlanFigures
from contracts.steps import Check, RunRef, TaskRef
from contracts.task_spec import Replacement
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


def check(job: str, task: str, chunk: int, **more: object) -> Check:
    identity = {"job": job, "chunk": chunk, "attempt": 1, "task": task, "instance_id": "i"}
    result = GpuResult(**identity, outcome="succeeded", device="cpu", seconds=StageSeconds(total=3.0))
    return Check.model_validate({**identity, "run": 1, "result": result, **more})


def begin(job: str, **options: object) -> None:
    """The job's start, as the probe writes it."""
    request = JobRequest.model_validate({"video": "clip.mp4", "scorer": "identity", "options": options})
    start = StartInput(job=job, request=request, video_etag="e", video_bytes=1)
    storage.system_account().write_json(layout.JOBS, layout.start_blob(job), start)


def found_of(job: str, chunk: int, may_replace: bool = False) -> list[ChunkOutcome]:
    plan = CHUNKS[chunk]
    return find_outcomes(job, plan, (plan.first, plan.last), may_replace)


def test_a_right_segment_is_recorded_with_what_its_task_said(job: str, index: VideoIndex, tmp_path: Path) -> None:
    segment = put(job, index, tmp_path, "c00001-a1", 8, 19)
    verdict = verify_chunk(check(job, "c00001-a1", 1))
    assert (verdict.problem, verdict.frames) == (None, 12)
    (found,) = found_of(job, 1)
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
        read_outcome(job, Work.of(CHUNKS[0], None), name)


def test_a_file_that_is_no_video_is_refused(job: str) -> None:
    name = layout.segment_blob(job, "c00000-a1", 1)
    storage.system_account().write_text(layout.JOBS, name, "not a video")
    with pytest.raises(WrongSegment, match="not a segment"):
        read_outcome(job, Work.of(CHUNKS[0], None), name)


def test_a_segment_of_no_bytes_is_refused(job: str) -> None:
    name = layout.segment_blob(job, "c00000-a1", 1)
    storage.system_account().write_text(layout.JOBS, name, "")
    with pytest.raises(WrongSegment, match="is empty"):
        read_outcome(job, Work.of(CHUNKS[0], None), name)


def test_a_segment_of_several_reads_is_checked_to_its_end(
    job: str, index: VideoIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FIRST_BYTES", 100)
    name = put(job, index, tmp_path, "c00001-a1", 8, 19)
    outcome = read_outcome(job, Work.of(CHUNKS[1], None), name)
    assert (outcome.first, outcome.last, outcome.segment_bytes) == (8, 19, (tmp_path / "c00001-a1.mp4").stat().st_size)


def test_work_of_another_attempt_is_found_past_one_that_went_wrong(job: str, index: VideoIndex, tmp_path: Path) -> None:
    put(job, index, tmp_path, "c00000-a1", 0, 6, last="7")
    right = put(job, index, tmp_path, "c00000-a2", 0, 7)
    (found,) = found_of(job, 0)
    assert (found.segment, found.attempt) == (right, 2)


def test_a_recorded_outcome_whose_segment_was_deleted_is_no_outcome(
    job: str, index: VideoIndex, tmp_path: Path
) -> None:
    name = put(job, index, tmp_path, "c00000-a1", 0, 7)
    record(job, read_outcome(job, Work.of(CHUNKS[0], None), name))
    storage.system_account().container(layout.JOBS).delete_blob(name)
    assert found_of(job, 0) == []


def test_a_piece_of_a_chunk_is_held_against_its_own_frames(job: str, index: VideoIndex, tmp_path: Path) -> None:
    put(job, index, tmp_path, "c00001-12-15-a1", 12, 15)
    verdict = verify_chunk(check(job, "c00001-12-15-a1", 1, piece=(12, 15)))
    assert (verdict.problem, verdict.frames) == (None, 4)
    (found,) = found_of(job, 1)
    assert (found.first, found.last, found.piece) == (12, 15, (12, 15))


def test_frames_left_unscored_are_recorded_with_what_stands_in_and_why(
    job: str, index: VideoIndex, tmp_path: Path
) -> None:
    put(job, index, tmp_path, "c00000-a2", 0, 7, held="2-3", source="5")
    replacement = Replacement(frames=((2, 3), (5, 5)), by="source")
    verdict = verify_chunk(check(job, "c00000-a2", 0, replacement=replacement, bad_reason="damaged"))
    assert (verdict.problem, verdict.frames, verdict.bad_frames) == (None, 8, 3)
    (found,) = read_outcomes(job)
    assert [(run.first, run.last, run.outcome, run.reason) for run in found.replaced] == [
        (2, 3, "held", "damaged"),
        (5, 5, "source", "damaged"),
    ]


@pytest.mark.parametrize(("told", "named"), [((), "no frame"), (((2, 2),), "frame 2")])
def test_a_task_that_leaves_out_frames_on_its_own_is_found_out(
    job: str, index: VideoIndex, tmp_path: Path, told: tuple[tuple[int, int], ...], named: str
) -> None:
    put(job, index, tmp_path, "c00000-a1", 0, 7, held="2-3")
    replacement = Replacement(frames=told, by="hold") if told else None
    verdict = verify_chunk(check(job, "c00000-a1", 0, replacement=replacement))
    assert f"leaves frames 2..3 unscored; its task was to leave {named}" in (verdict.problem or "")
    assert read_outcomes(job) == []


def test_segments_that_nobody_recorded_are_found_and_only_the_gaps_are_left(
    job: str, index: VideoIndex, tmp_path: Path
) -> None:
    begin(job)
    put(job, index, tmp_path, "c00001-8-11-a1", 8, 11)
    put(job, index, tmp_path, "c00001-10-11-a1", 10, 11)  # of a piece that was part of the one above
    put(job, index, tmp_path, "c00001-11-12-a1", 11, 12)  # overlaps the first: no frame may come twice
    put(job, index, tmp_path, "c00001-14-16-a1", 14, 16)
    task = TaskRef(job=job, run=2, chunk=1, attempt=1, task="c00001-a1", instance_id="i")
    submitted = submit_chunk(task)
    assert (submitted.state, submitted.frames, submitted.span) == ("partial", 7, (8, 19))
    assert submitted.missing == ((12, 13), (17, 19))
    assert [(o.first, o.last) for o in read_outcomes(job)] == [(8, 11), (14, 16)]

    put(job, index, tmp_path, "c00001-12-13-a1", 12, 13)
    put(job, index, tmp_path, "c00001-17-19-a1", 17, 19)
    assert submit_chunk(task).state == "done"


def test_frames_held_without_leave_are_scored_again_in_a_job_that_allows_none(
    job: str, index: VideoIndex, tmp_path: Path
) -> None:
    put(job, index, tmp_path, "c00000-a1", 0, 7, held="2")
    assert found_of(job, 0) == []
    (found,) = found_of(job, 0, may_replace=True)
    assert found.replaced[0].reason == "it could not be scored; the log of its task says why"


def test_of_a_whole_chunk_and_pieces_of_it_the_whole_counts(job: str, index: VideoIndex, tmp_path: Path) -> None:
    for task, first, last in (("c00000-0-3-a1", 0, 3), ("c00000-4-7-a1", 4, 7), ("c00000-a1", 0, 7)):
        span = (first, last)
        record(job, read_outcome(job, Work.of(CHUNKS[0], span), put(job, index, tmp_path, task, first, last)))
    assert [(o.first, o.last) for o in read_outcomes(job)] == [(0, 7)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"on_bad_frame": "hold", "max_bad_run": 3},
            "frames 6..9 could not be scored: 4 is over options.max_bad_run",
        ),
        ({"on_bad_frame": "hold", "max_bad_frames": 3}, "4 is over options.max_bad_frames, 3"),
        ({}, "4 is over options.max_bad_frames, 0"),
    ],
)
def test_bad_frames_that_meet_across_chunks_are_one_run_to_the_release_gate(
    job: str, index: VideoIndex, tmp_path: Path, options: dict[str, object], said: str
) -> None:
    begin(job, **options)
    for chunk, first, last, held in ((0, 0, 7, "6-7"), (1, 8, 19, "8-9")):
        name = put(job, index, tmp_path, f"c0000{chunk}-a1", first, last, held=held)
        record(job, read_outcome(job, Work.of(CHUNKS[chunk], None, may_replace=True), name))
    with pytest.raises(JobRefused, match="not published") as caught:
        stitch_video(RunRef(job=job, run=1))
    assert said in str(caught.value)


def test_a_window_of_a_transport_stream_begins_where_decoding_can(index: VideoIndex) -> None:
    assert window_start(index, 15) == 15
    transport = index.model_copy(update={"seek": "dts"})
    assert [window_start(transport, frame) for frame in (-3, 0, 11, 12, 15)] == [0, 0, 0, 12, 12]
