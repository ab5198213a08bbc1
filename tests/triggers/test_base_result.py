"""What the door refuses about a base: each with the field, the value and the remedy."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
from azure.storage.blob import BlobServiceClient

from activities import storage
from contracts import layout
from contracts.frame_times import FrameTimes
from contracts.job import JobOptions, JobRequest
from contracts.ledger import BadRun
from contracts.video_index import Keyframe, VideoIndex
from tests.activities.published_base import ETAG, base_request, ledger, provenance, publish_words
from tests.azurite import Azurite
from triggers.base_result import base_problems

pytestmark = pytest.mark.timeout(60)

COUNT = 40
INDEX = VideoIndex(
    container="mp4",
    codec="h264",
    stream_index=0,
    width=96,
    height=64,
    pix_fmt="yuv420p",
    time_base=Fraction(1, 30),
    frames=FrameTimes.encode(range(COUNT)),
    last_duration=1,
    keyframes=(Keyframe(pts=0, dts=0),),
)


@pytest.fixture(autouse=True)
def _data(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATA_STORAGE", azurite.connection_string)
    storage.data_account.cache_clear()
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        if not service.get_container_client(layout.OUTPUTS).exists():
            service.create_container(layout.OUTPUTS)
    yield
    storage.data_account.cache_clear()


def asked(base: str, frames: tuple[int, int] = (10, 19), **options: object) -> JobRequest:
    chosen = JobOptions.model_validate(options)
    return JobRequest(video="clip.mp4", scorer="identity", frames=frames, base=base, options=chosen)


def told(request: JobRequest, etag: str = ETAG) -> list[tuple[object, object, object]]:
    return [(entry["field"], entry["value"], entry["problem"]) for entry in base_problems(request, etag)]


def test_a_base_of_the_same_video_size_and_encoder_is_taken() -> None:
    publish_words(provenance("good", base_request(max_dimension=64), INDEX), ledger("good", COUNT, (0, 20)))
    assert told(asked("good", (0, 39), max_dimension=64)) == []
    assert told(asked("good", (0, 39), max_dimension=64), etag=ETAG.strip('"')) == []
    assert told(base_request()) == []


def test_a_base_that_has_published_nothing_is_refused() -> None:
    ((field, value, problem),) = told(asked("nowhere"))
    assert (field, value) == ("base", "nowhere")
    assert "no finished job of that name" in str(problem)
    assert "score the whole video" in str(problem)


def test_a_base_published_in_another_form_is_refused() -> None:
    publish_words(provenance("old", base_request(), INDEX), ledger("old", COUNT, (0,)))
    container = storage.data_account().container(layout.OUTPUTS)
    container.upload_blob("old/provenance.json", b'{"version": 0}', overwrite=True)
    ((field, _, problem),) = told(asked("old"))
    assert field == "base"
    assert "published by another version" in str(problem)


def test_a_base_whose_ledger_misses_frames_is_refused() -> None:
    whole = ledger("torn", COUNT, (0, 20))
    publish_words(provenance("torn", base_request(), INDEX), whole.model_copy(update={"entries": whole.entries[1:]}))
    ((field, _, problem),) = told(asked("torn"))
    assert (field, "frames 0..19 are missing" in str(problem)) == ("base", True)


def test_the_result_of_another_video_or_of_an_earlier_version_is_refused() -> None:
    publish_words(provenance("other", base_request("film.mp4"), INDEX, '"0x1"'), ledger("other", COUNT, (0,)))
    ((field, _, problem),) = told(asked("other"))
    assert (field, "another video, 'film.mp4'" in str(problem)) == ("base", True)
    publish_words(provenance("earlier", base_request(), INDEX, '"0x1"'), ledger("earlier", COUNT, (0,)))
    ((_, _, problem),) = told(asked("earlier"))
    assert "an earlier version of it" in str(problem)


@pytest.mark.parametrize(("theirs", "ours", "remedy"), [(64, None, "give 64"), (None, 64, "leave options.max_d")])
def test_another_size_is_refused_with_the_one_to_give(theirs: int | None, ours: int | None, remedy: str) -> None:
    publish_words(provenance("sized", base_request(max_dimension=theirs), INDEX), ledger("sized", COUNT, (0,)))
    ((field, value, problem),) = told(asked("sized", max_dimension=ours))
    assert (field, value) == ("options.max_dimension", ours)
    assert remedy in str(problem)


def test_another_encoder_setting_is_refused() -> None:
    encoder = {"codec": "libx264", "crf": 30, "preset": "veryfast"}
    publish_words(provenance("crf", base_request(), INDEX, encoder=encoder), ledger("crf", COUNT, (0,)))
    ((field, _, problem),) = told(asked("crf"))
    assert (field, "crf 30 instead of 17" in str(problem)) == ("base", True)


def test_a_range_beyond_the_end_is_refused_with_the_frames_there_are() -> None:
    publish_words(provenance("short", base_request(), INDEX), ledger("short", COUNT, (0,)))
    assert told(asked("short", (30, 40))) == [
        ("frames", "30..40", "the video has frames 0..39; give a range within"),
    ]


def test_frames_that_the_base_did_not_score_need_leave_unless_they_are_scored_now() -> None:
    bad = BadRun(first=3, last=6, outcome="held", reason="r")
    publish_words(provenance("bad", base_request(), INDEX), ledger("bad", COUNT, (0, 20), (bad,)))
    ((field, value, problem),) = told(asked("bad"))
    assert (field, value) == ("options.on_bad_frame", "fail")
    assert "frames 3..6" in str(problem)
    assert told(asked("bad", on_bad_frame="hold")) == []
    assert told(asked("bad", (0, 10))) == []
    ((field, _, problem),) = told(asked("bad", on_bad_frame="hold", max_bad_run=3))
    assert (field, "give 4 or more" in str(problem)) == ("options.max_bad_run", True)
    ((field, _, _),) = told(asked("bad", (5, 10), on_bad_frame="source", max_bad_frames=1))
    assert field == "options.max_bad_frames"
