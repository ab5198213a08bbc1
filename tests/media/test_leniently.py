from pathlib import Path

import pytest

from media.leniently import read_leniently
from tests.media.clips import frame_hash
from tests.media.conftest import Clips
from tests.media.damage import GROSS, break_packet

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("kind", ["h264 closed GOP", "vp9", "raw h264"])
def test_whole_frames_are_delivered_as_ever(clips: Clips, kind: str) -> None:
    clip = clips(kind)
    found = dict(read_leniently(clip.path, clip.index, 15, 30))
    assert {number: frame_hash(frame) for number, frame in found.items()} == {n: clip.hashes[n] for n in range(15, 31)}


def test_what_the_decoder_conceals_is_delivered(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    broken = break_packet(clip.path, clip.index.keyframes[2].pts, GROSS["half gone"], tmp_path / "b.mp4")
    found = {number: frame_hash(frame) for number, frame in read_leniently(broken, clip.index, 20, 39)}
    assert list(found) == list(range(20, 40))
    assert {number for number, known in found.items() if known == clip.hashes[number]} == {
        *range(20, 24),
        *range(36, 40),
    }


def test_what_is_gone_is_left_out(clips: Clips, tmp_path: Path) -> None:
    clip = clips("mjpeg")
    broken = break_packet(clip.path, clip.index.frames.decode()[20], GROSS["zeroed"], tmp_path / "b.mov")
    assert [number for number, _ in read_leniently(broken, clip.index, 18, 22)] == [18, 19, 21, 22]
