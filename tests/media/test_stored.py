"""Segments that lie elsewhere: fetched ahead, checked, joined."""

import hashlib
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from media import stored
from media.errors import SegmentMismatch
from media.stored import StoredSegment, stitch_stored
from media.verify import audio_digests, frame_times_of
from tests.media.conftest import Clip, Clips
from tests.media.making import write_segments

pytestmark = pytest.mark.timeout(60)
STARTS = tuple(range(0, 40, 2))  # 20 segments: more than are fetched ahead


@pytest.fixture
def clip(clips: Clips) -> Clip:
    return clips("h264 closed GOP")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


def stored_segments(clip: Clip, tmp_path: Path) -> list[StoredSegment]:
    found: list[StoredSegment] = []
    for segment in write_segments(clip, tmp_path, STARTS):
        data = (tmp_path / f"{segment.first}.mp4").read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        found.append(StoredSegment(segment.first, segment.last, sha256, lambda data=data: [data[:99], data[99:]]))
    return found


def replaced(segment: StoredSegment, read: Callable[[], Iterable[bytes]]) -> StoredSegment:
    return StoredSegment(segment.first, segment.last, segment.sha256, read)


def test_the_result_is_whole_hashed_and_tells_of_its_sound(clip: Clip, tmp_path: Path, folder: Path) -> None:
    finished = stitch_stored(stored_segments(clip, tmp_path)[::-1], clip.path, clip.index, folder / "out.mp4")
    data = finished.path.read_bytes()
    assert frame_times_of(finished.path) == frame_times_of(clip.path)
    assert (finished.size, finished.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert [(t.index, t.codec, t.action) for t in finished.audio] == [
        (t.index, t.codec, "copied") for t in clip.index.audio
    ]
    assert audio_digests(finished.path, stored=True)[0].sha256 == audio_digests(clip.path)[0].sha256
    assert list(folder.iterdir()) == [finished.path]


def test_a_segment_with_another_hash_is_not_published(clip: Clip, tmp_path: Path, folder: Path) -> None:
    segments = stored_segments(clip, tmp_path)
    segments[3] = replaced(segments[3], segments[4].read)
    with pytest.raises(SegmentMismatch, match=r"segment of frames 6\.\.7 is not the one that was scored"):
        stitch_stored(segments, clip.path, clip.index, folder / "out.mp4")
    assert list(folder.iterdir()) == []


def test_what_a_store_raises_surfaces_as_itself(clip: Clip, tmp_path: Path, folder: Path) -> None:
    class StoreError(Exception):
        pass

    def gone() -> list[bytes]:
        raise StoreError("404")

    segments = stored_segments(clip, tmp_path)
    segments[9] = replaced(segments[9], gone)
    with pytest.raises(StoreError):
        stitch_stored(segments, clip.path, clip.index, folder / "out.mp4")
    assert list(folder.iterdir()) == []


def test_segments_are_fetched_ahead_and_no_more_than_a_few(clip: Clip, tmp_path: Path, folder: Path) -> None:
    """The second one comes once the last that may be on its way with it was asked for; nothing beyond that is."""
    segments = stored_segments(clip, tmp_path)
    asked: set[int] = set()
    last_ahead = threading.Event()
    beyond_then: list[bool] = []

    def watched(number: int, segment: StoredSegment) -> StoredSegment:
        def read() -> Iterable[bytes]:
            asked.add(number)
            if number == stored.AHEAD:
                last_ahead.set()
            if number == 1:
                assert last_ahead.wait(20)
                beyond_then.append(max(asked) > stored.AHEAD)
            return segment.read()

        return replaced(segment, read)

    watching = [watched(number, segment) for number, segment in enumerate(segments)]
    stitch_stored(watching, clip.path, clip.index, folder / "out.mp4")
    assert asked == set(range(len(segments)))
    assert beyond_then == [False]
