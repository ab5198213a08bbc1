"""Chunks taken from an earlier result, in a real Azurite: planned along its segments, made once, and never mixed up."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from azure.storage.blob import BlobServiceClient

from activities import storage
from activities.plan_chunks import make_plan
from activities.plan_reuse import completed, scored_part
from activities.refusal import JobRefused
from activities.reuse import reuse_chunk
from contracts import layout
from contracts.job import JobOptions, JobRequest, StartInput
from contracts.ledger import BadRun, Ledger
from contracts.plan import Chunk, Plan
from contracts.task_spec import Execution
from contracts.video_index import VideoIndex
from media.index import probe
from media.segment import EncoderSettings, check_segment
from tests.activities.published_base import ETAG, FIGURES, base_request, ledger, provenance, publish, write_video
from tests.azurite import Azurite
from tests.end_to_end.local_stack import make_clip

pytestmark = pytest.mark.timeout(60)

COUNT, STARTS = 40, (0, 12, 24)
HELD = BadRun(first=3, last=5, outcome="held", reason="the decoder gave nothing")
PASSED = BadRun(first=11, last=11, outcome="source", reason="the decoder gave nothing")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=COUNT, size=(96, 64))


@pytest.fixture(scope="module")
def index(clip: Path) -> VideoIndex:
    return probe(clip)


@pytest.fixture(scope="module")
def video(clip: Path, index: VideoIndex, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(clip, index, tmp_path_factory.mktemp("base"), STARTS)


@pytest.fixture
def job(
    azurite: Azurite,
    index: VideoIndex,
    video: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[str]:
    """A job of frames 16..29 whose video is probed; its base, of the same name and `-base`, is published."""
    for name, account in (("SYSTEM_STORAGE", storage.system_account), ("DATA_STORAGE", storage.data_account)):
        monkeypatch.setenv(name, azurite.connection_string)
        account.cache_clear()
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        for container in (layout.JOBS, layout.OUTPUTS):
            if not service.get_container_client(container).exists():
                service.create_container(container)
    name = f"job-{zlib.crc32(request.node.name.encode())}"
    base = f"{name}-base"
    publish(video, provenance(base, base_request(), index), ledger(base, COUNT, STARTS, (HELD, PASSED)))
    system = storage.system_account()
    system.write_json(layout.JOBS, layout.index_blob(name), index)
    system.write_json(layout.JOBS, layout.start_blob(name), start_of(name))
    yield name
    storage.system_account.cache_clear()
    storage.data_account.cache_clear()


def start_of(job: str, frames: tuple[int, int] = (16, 29), **options: object) -> StartInput:
    request = JobRequest(
        video="clip.mp4",
        scorer="identity",
        frames=frames,
        base=f"{job}-base",
        options=JobOptions.model_validate(options),
    )
    return StartInput(job=job, run=2, request=request, video_etag=ETAG, video_bytes=1)


def plan_of(start: StartInput, index: VideoIndex, chunk_size: int = 7, max_chunks: int = 100) -> Plan:
    return completed(start, index, make_plan(scored_part(start.request, index), FIGURES, chunk_size), max_chunks)


def test_how_the_tasks_run_is_kept_where_chunks_to_reuse_are_put_around_theirs(job: str, index: VideoIndex) -> None:
    start, execution = start_of(job), Execution(precision="float32", compiled=True, workers=2)
    scored = make_plan(scored_part(start.request, index), FIGURES, 7, execution)
    assert completed(start, index, scored, 100).execution == execution


def luma(file: Path) -> list[np.ndarray]:
    with av.open(str(file)) as container:
        return [frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)]


def fetched(segment: str, path: Path) -> Path:
    path.write_bytes(storage.system_account().container(layout.JOBS).download_blob(segment).readall())
    return path


def test_only_the_range_is_cut_and_paid_and_the_rest_follows_the_bases_segments(job: str, index: VideoIndex) -> None:
    plan = plan_of(start_of(job), index)
    assert [(c.first, c.last, c.reuse) for c in plan.chunks] == [
        (0, 11, True),
        (12, 15, True),
        (16, 23, False),
        (24, 29, False),
        (30, 39, True),
    ]
    assert [chunk.index for chunk in plan.chunks] == [0, 1, 2, 3, 4]
    # Two chunks of about 7 frames on two workers: 10 s of start-up and a second a frame, each, at 3,600 an hour.
    assert (plan.expected_seconds, plan.expected_cost) == (17, 34)


@pytest.mark.parametrize(
    ("frames", "chunks"),
    [
        ((0, 39), [(0, 39, False)]),
        ((0, 11), [(0, 11, False), (12, 23, True), (24, 39, True)]),
        ((39, 39), [(0, 11, True), (12, 23, True), (24, 38, True), (39, 39, False)]),
    ],
)
def test_ranges_at_the_edges(
    job: str, index: VideoIndex, frames: tuple[int, int], chunks: list[tuple[int, int, bool]]
) -> None:
    plan = plan_of(start_of(job, frames), index, chunk_size=100)
    assert [(c.first, c.last, c.reuse) for c in plan.chunks] == chunks


def test_a_base_of_many_segments_is_reused_in_no_more_chunks_than_a_job_may_have(
    job: str, index: VideoIndex, video: Path
) -> None:
    frames = ledger(f"{job}-base", COUNT, tuple(range(0, COUNT, 2)))
    publish(video, provenance(f"{job}-base", base_request(), index), frames)
    assert len(plan_of(start_of(job), index).chunks) == 15
    plan = plan_of(start_of(job), index, max_chunks=8)
    assert len(plan.chunks) <= 8
    assert [(c.first, c.last) for c in plan.chunks if c.reuse] == [(0, 7), (8, 15), (30, 37), (38, 39)]


def test_a_job_without_a_range_is_planned_as_ever(job: str, index: VideoIndex) -> None:
    start = start_of(job).model_copy(update={"request": base_request()})
    assert plan_of(start, index) == make_plan(index, FIGURES, 7)
    assert not storage.system_account().exists(layout.JOBS, layout.base_blob(job))


def test_a_reused_chunk_is_a_segment_with_the_bases_frames(
    job: str, index: VideoIndex, video: Path, tmp_path: Path
) -> None:
    plan_of(start_of(job), index)
    outcome = reuse_chunk(job, Chunk(index=0, first=0, last=11, reuse=True))
    assert (outcome.outcome, outcome.first, outcome.last, outcome.task) == ("reused", 0, 11, "c00000-a1")
    assert outcome.segment == layout.segment_blob(job, "c00000-a1", 2)
    path = fetched(outcome.segment, tmp_path / "segment.mp4")
    assert path.stat().st_size == outcome.segment_bytes
    check_segment(path, index, 0, 11)
    assert all(np.array_equal(a, b) for a, b in zip(luma(path), luma(video)[:12], strict=True))


def test_bad_frames_of_the_base_stay_named(job: str, index: VideoIndex) -> None:
    plan_of(start_of(job), index)
    outcomes = [
        reuse_chunk(job, Chunk(index=0, first=0, last=11, reuse=True)),
        reuse_chunk(job, Chunk(index=1, first=12, last=15, reuse=True)),
    ]
    assert [outcome.replaced for outcome in outcomes] == [(HELD, PASSED), ()]
    entries = [
        entry for o in outcomes for entry in Ledger.from_chunks(job, 16, outcomes).entries if entry.task == o.task
    ]
    assert [(e.first, e.last, e.outcome) for e in entries] == [
        (0, 2, "reused"),
        (3, 5, "held"),
        (6, 10, "reused"),
        (11, 11, "source"),
        (12, 15, "reused"),
    ]
    said = [storage.system_account().find_properties(layout.JOBS, outcome.segment) for outcome in outcomes]
    metadata = [found.metadata for found in said if found]
    assert metadata[0] == {
        "first": "0",
        "last": "11",
        "task": "c00000-a1",
        "sha256": outcomes[0].segment_sha256,
        "held": "3-5",
        "source": "11",
    }
    assert set(metadata[1]) == {"first", "last", "task", "sha256"}


def test_asked_twice_the_first_segment_stands_and_the_base_is_not_read_again(job: str, index: VideoIndex) -> None:
    plan_of(start_of(job), index)
    chunk = Chunk(index=1, first=12, last=15, reuse=True)
    first = reuse_chunk(job, chunk)
    storage.data_account().container(layout.OUTPUTS).delete_blob(f"{job}-base/video.mp4")
    assert reuse_chunk(job, chunk) == first


def test_of_two_calls_at_once_the_first_to_upload_wins(
    job: str, index: VideoIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_of(start_of(job), index)
    chunk = Chunk(index=1, first=12, last=15, reuse=True)
    first = reuse_chunk(job, chunk)
    blob = storage.system_account().container(layout.JOBS).get_blob_client(first.segment)
    written = blob.get_blob_properties().etag
    # The second one looked before the first had uploaded.
    monkeypatch.setattr(storage.Account, "exists", lambda *_: False)
    assert reuse_chunk(job, chunk) == first
    assert blob.get_blob_properties().etag == written


@pytest.mark.parametrize("change", ["replaced", "deleted"])
def test_a_base_that_changes_after_planning_ends_the_job(job: str, index: VideoIndex, video: Path, change: str) -> None:
    plan_of(start_of(job), index)
    blob = storage.data_account().container(layout.OUTPUTS).get_blob_client(f"{job}-base/video.mp4")
    blob.upload_blob(video.read_bytes(), overwrite=True) if change == "replaced" else blob.delete_blob()
    with pytest.raises(JobRefused, match="was replaced or deleted since it was planned"):
        reuse_chunk(job, Chunk(index=0, first=0, last=11, reuse=True))


def test_a_base_of_another_size_or_length_is_refused_before_anything_is_scored(
    job: str, index: VideoIndex, tmp_path: Path
) -> None:
    with pytest.raises(JobRefused, match="is 96x64, this job's would be 48x32; give the max_dimension"):
        plan_of(start_of(job, max_dimension=48), index)
    longer = probe(make_clip(tmp_path / "longer.mp4", frames=COUNT + 1, size=(96, 64)))
    with pytest.raises(JobRefused, match="has 40 frames, the source 41"):
        plan_of(start_of(job), longer)


def test_a_base_that_was_encoded_otherwise_than_it_says_is_refused(
    job: str, index: VideoIndex, clip: Path, tmp_path: Path
) -> None:
    video = write_video(clip, index, tmp_path, STARTS, EncoderSettings(preset="ultrafast", threads=1))
    publish(video, provenance(f"{job}-base", base_request(), index), ledger(f"{job}-base", COUNT, STARTS))
    with pytest.raises(JobRefused, match="encoded with other settings or by another version"):
        plan_of(start_of(job), index)


def test_a_base_that_is_gone_is_refused(job: str, index: VideoIndex) -> None:
    container = storage.data_account().container(layout.OUTPUTS)
    container.delete_blob(f"{job}-base/video.mp4")
    with pytest.raises(JobRefused, match=r"-base/video\.mp4 was deleted; name another base"):
        plan_of(start_of(job), index)
    container.delete_blob(f"{job}-base/provenance.json")
    with pytest.raises(JobRefused, match="no finished job of that name"):
        plan_of(start_of(job), index)
