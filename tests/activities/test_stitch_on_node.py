"""A node's stitch, as the app sees it: what it is told, what is believed of its output, and how that is published."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.storage.queue import QueueServiceClient

from activities import publish_stitched as publishing
from activities import storage
from activities.publish_stitched import publish_stitched
from activities.refusal import JobRefused
from activities.stitch_video import stitch_video
from activities.submit_stitch import submit_stitch
from activities.verify_stitch import verify_stitch
from contracts import layout
from contracts.frame_times import FrameTimes
from contracts.ledger import ChunkOutcome
from contracts.messages import GPU_TASKS_QUEUE, GpuResult
from contracts.steps import Check, RunRef, StitchTaskRef, TaskRef
from contracts.task_spec import SegmentRef, StitchSpec
from contracts.video_index import Keyframe, VideoIndex
from gpu_task.program import MAX_SPEC_BYTES
from media.index import probe
from tests.azurite import Azurite
from tests.end_to_end.local_stack import make_clip
from tests.job_services import accounts_only, job_of, names, start_of, write, write_start

pytestmark = pytest.mark.timeout(60)
SHA, FRAMES = "ab" * 32, 12


@pytest.fixture(autouse=True)
def accounts(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with accounts_only(azurite, monkeypatch, STITCH_INLINE_BYTES="0"):
        with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
            if GPU_TASKS_QUEUE not in [known.name for known in queues.list_queues()]:
                queues.create_queue(GPU_TASKS_QUEUE)
        yield


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result as a task makes it: its index comes first."""
    made = tmp_path_factory.mktemp("video")
    clip = make_clip(made / "clip.mp4", FRAMES, (64, 48), gop=4, sound=False)
    return _faststart(clip, made / "video.mp4")


def _faststart(clip: Path, out: Path) -> Path:
    import av

    with av.open(str(clip)) as source, av.open(str(out), "w", container_options={"movflags": "+faststart"}) as output:
        stream = source.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copy
                output.mux(packet)
    return out


@pytest.fixture
def job(request: pytest.FixtureRequest, video: Path) -> str:
    """A job whose two segments are there, and all of its frames in them."""
    name = job_of(request)
    write_start(start_of(name))
    system = storage.system_account()
    system.write_json(layout.JOBS, layout.index_blob(name), probe(video))
    for chunk in range(2):
        task, half = layout.chunk_task(chunk, None, 1), FRAMES // 2
        segment = layout.segment_blob(name, task, 1)
        write(layout.JOBS, segment)
        outcome = ChunkOutcome(
            chunk=chunk,
            first=chunk * half,
            last=(chunk + 1) * half - 1,
            attempt=1,
            task=task,
            segment=segment,
            segment_sha256=SHA,
            segment_bytes=2,
        )
        system.write_json(layout.JOBS, layout.outcome_blob(name, chunk), outcome)
    return name


def task_of(job: str) -> TaskRef:
    return TaskRef(job=job, run=1, chunk=None, attempt=1, task="stitch-a1", instance_id=layout.stitch_instance(job, 1))


def leave(job: str, data: bytes, **metadata: str) -> None:
    """What the task left."""
    blob = storage.system_account().container(layout.JOBS).get_blob_client(layout.stitched_blob(job, "stitch-a1", 1))
    blob.upload_blob(data, overwrite=True, metadata={"sha256": SHA, "audio": "[]", "task": "stitch-a1"} | metadata)


def problem_of(job: str, sha256: str | None = SHA) -> str | None:
    task = task_of(job)
    result = GpuResult(**task.about(), outcome="succeeded", output_sha256=sha256)
    return verify_stitch(Check(**task.fields(), result=result)).problem


def test_what_is_too_large_is_left_to_a_node_which_is_told_every_segment(job: str) -> None:
    assert stitch_video(RunRef(job=job, run=1)).stitched is None
    assert submit_stitch(task_of(job)).state == "submitted"
    blob = layout.spec_blob(job, "stitch-a1", 1)
    spec = storage.system_account().read_json(layout.JOBS, blob, StitchSpec)
    assert [(s.first, s.last, s.sha256) for s in spec.segments] == [(0, 5, SHA), (6, 11, SHA)]
    rights = {url.split("?")[0].rsplit("/", 1)[1]: parse_qs(urlsplit(url).query)["sp"][0] for url in (
        *(segment.url for segment in spec.segments), spec.source.url, spec.to.output)}  # fmt: skip
    assert rights == {
        "c00000-a1-r1.mp4": "r",
        "c00001-a1-r1.mp4": "r",
        f"{job}.mp4": "r",
        "stitch-a1-r1.mp4": "rw",
    }
    assert "/outputs/" not in spec.to_json()
    assert len(spec.index.keyframes) == 1


def test_no_node_is_told_to_stitch_what_is_not_complete(job: str) -> None:
    storage.system_account().delete_prefix(layout.JOBS, layout.segment_prefix(job, 1))
    for ask in (lambda: stitch_video(RunRef(job=job, run=1)), lambda: submit_stitch(task_of(job))):
        with pytest.raises(JobRefused, match=r"frames 6\.\.11 are missing"):
            ask()
    assert names(layout.JOBS, layout.spec_prefix(job)) == []


def test_a_whole_output_is_believed_and_copied_block_by_block(
    job: str, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = video.read_bytes()
    leave(job, data, audio=json.dumps([{"index": 1, "codec": "aac", "action": "copied"}]))
    assert problem_of(job) is None
    assert problem_of(job, None) is None  # the message was lost
    assert names(layout.OUTPUTS, job) == []
    monkeypatch.setattr(publishing, "BLOCK", 1000)
    for _ in range(2):  # again, over what the first call has published
        done = publish_stitched(StitchTaskRef(job=job, run=1, task="stitch-a1"))
    assert (done.output, done.output_sha256, done.output_bytes) == (f"{job}/video.mp4", SHA, len(data))
    assert [(track.codec, track.action) for track in done.audio] == [("aac", "copied")]
    published = storage.data_account().container(layout.OUTPUTS).download_blob(f"{job}/video.mp4")
    assert published.readall() == data
    assert published.properties.metadata == {"sha256": SHA}
    assert published.properties.content_settings.content_type == "video/mp4"


def test_an_output_that_is_not_the_video_is_not_believed(job: str, video: Path, tmp_path: Path) -> None:
    assert "does not exist" in str(problem_of(job))
    short = _faststart(make_clip(tmp_path / "c.mp4", FRAMES - 1, (64, 48), sound=False), tmp_path / "v.mp4")
    leave(job, short.read_bytes())
    assert f"holds {FRAMES - 1} frames, the source {FRAMES}" in str(problem_of(job))
    leave(job, video.read_bytes()[:-1])
    assert "its pictures end at byte" in str(problem_of(job))
    leave(job, video.read_bytes())
    assert "has the hash" in str(problem_of(job, "cd" * 32))
    for wrong in ({"sha256": "x"}, {"audio": "{"}):
        leave(job, video.read_bytes(), **wrong)
        assert "lacks the metadata" in str(problem_of(job))


def test_what_is_overwritten_while_it_is_copied_is_not_published(
    job: str, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(job, video.read_bytes())
    copy = publishing._copy

    def interrupted(*given: object) -> object:
        done = copy(*given)  # type: ignore[arg-type]
        leave(job, video.read_bytes() + b"more")
        return done

    monkeypatch.setattr(publishing, "_copy", interrupted)
    with pytest.raises(JobRefused, match="was overwritten while it was copied"):
        publish_stitched(StitchTaskRef(job=job, run=1, task="stitch-a1"))
    assert names(layout.OUTPUTS, job) == []


def test_a_run_that_was_ended_publishes_nothing(job: str, video: Path) -> None:
    leave(job, video.read_bytes())
    write(layout.JOBS, layout.ended_blob(job, 1))
    with pytest.raises(JobRefused, match="was ended"):
        publish_stitched(StitchTaskRef(job=job, run=1, task="stitch-a1"))
    assert submit_stitch(task_of(job)).state == "ended"
    assert names(layout.OUTPUTS, job) == []


def test_the_spec_of_the_largest_job_is_one_that_a_task_reads(job: str) -> None:
    assert submit_stitch(task_of(job)).state == "submitted"
    spec = storage.system_account().read_json(layout.JOBS, layout.spec_blob(job, "stitch-a1", 1), StitchSpec)
    # The SAS of Azure, signed with a user-delegation key, names that key: 560 characters with the blob's address.
    segment = SegmentRef(url="https://" + "x" * 600, sha256=SHA, first=999_999, last=999_999)
    frames = FrameTimes(start=0, runs=((3003, 1), (3004, 1)) * 500_000)
    index = VideoIndex(
        **spec.index.model_dump(exclude={"frames", "keyframes", "time_base"}),
        time_base=Fraction(1, 90_000),
        frames=frames,
        keyframes=(Keyframe(pts=0, dts=0),),
    )
    largest = spec.model_copy(update={"segments": (segment,) * 20_000, "index": index})
    assert 20 * 1024**2 < len(largest.to_json()) < MAX_SPEC_BYTES
