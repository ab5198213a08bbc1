"""An MP4's frames by its index: as demuxing tells them, without the pictures."""

import io
from pathlib import Path

import pytest

from media.errors import TruncatedMedia, UnsupportedMedia
from media.mp4_index import index_of
from media.ranged import RangedReader
from media.stitch import stitch
from media.verify import frame_times_of
from tests.media.conftest import Clip, Clips
from tests.media.making import write_segments

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def result(clips: Clips, tmp_path: Path) -> Path:
    clip = clips("h264 closed GOP")
    stitch(write_segments(clip, tmp_path, (0, 20)), clip.path, clip.index, tmp_path / "out.mp4")
    return tmp_path / "out.mp4"


def test_every_frame_has_the_time_that_demuxing_gives_it(clip: Clip, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    stitch(write_segments(clip, tmp_path, (0, 11)), clip.path, clip.index, out)
    base, pts = index_of(out)
    assert [value * base for value in pts] == frame_times_of(out)


def test_not_a_byte_of_the_pictures_is_read(result: Path) -> None:
    data = result.read_bytes()
    pictures = data.index(b"mdat") + 12  # the box's header, as far as it is looked at
    asked: list[int] = []

    def read(offset: int, length: int) -> bytes:
        asked.append(offset + length)
        return data[offset : offset + length]

    index_of(RangedReader(read, len(data), 1))
    assert max(asked) <= pictures


def test_a_file_that_ends_before_its_pictures_do_is_refused(result: Path) -> None:
    with pytest.raises(TruncatedMedia, match="its pictures end at byte"):
        index_of(io.BytesIO(result.read_bytes()[:-1]))


@pytest.mark.parametrize("damage", [lambda data: b"<Error>BlobNotFound</Error>" * 9, lambda data: data[:200]])
def test_what_has_no_index_before_its_pictures_is_refused(result: Path, damage: object) -> None:
    assert callable(damage)
    with pytest.raises(UnsupportedMedia, match="not an MP4 whose index comes before"):
        index_of(io.BytesIO(damage(result.read_bytes())))
