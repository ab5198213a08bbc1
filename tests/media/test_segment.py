"""Segments: exactly the frames asked for, at the source's distances."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from media.errors import SegmentMismatch
from media.segment import EncoderSettings, SegmentWriter, check_segment, inspect_segment
from tests.media.clips import picture
from tests.media.conftest import FAST, Clip, Clips
from tests.media.making import write_segment

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("kind", ["h264 closed GOP", "h264 variable rate", "h264 MPEG-TS", "gif", "vp9"])
@pytest.mark.parametrize(("first", "last"), [(0, 39), (13, 13), (7, 30)])
def test_a_segment_holds_its_frames_at_the_sources_distances(
    clips: Clips, kind: str, first: int, last: int, tmp_path: Path
) -> None:
    clip = clips(kind)
    path = write_segment(clip, tmp_path / "segment.mp4", first, last)
    info = check_segment(path, clip.index, first, last)
    assert (info.frames, info.width, info.height) == (last - first + 1, 160, 90)
    pts = clip.index.frames.decode()
    expected = [(value - pts[first]) * clip.index.time_base for value in pts[first : last + 1]]
    assert [value * info.time_base for value in info.pts] == expected


def test_every_segment_has_the_same_codec_parameters(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 variable rate")
    ranges = [(0, 39), (0, 0), (1, 2), (25, 39)]
    found = {inspect_segment(write_segment(clip, tmp_path / "s.mp4", a, b)).extradata for a, b in ranges}
    assert len(found) == 1
    assert found != {b""}


def test_no_packet_refers_beyond_its_group_of_pictures(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    settings = EncoderSettings(preset="ultrafast", keyframe_interval=8, threads=1)
    with SegmentWriter(tmp_path / "s.mp4", clip.index, 0, 39, (160, 90), settings) as segment:
        for number in range(40):
            segment.write(picture(number))
    with av.open(str(tmp_path / "s.mp4")) as container:
        packets = [p for p in container.demux(video=0) if p.pts is not None]
    leading: list[Any] = []
    for position, packet in enumerate(packets):
        if packet.is_keyframe:
            leading += [p for p in packets[position:] if p.pts < packet.pts]
    assert sum(p.is_keyframe for p in packets) == 5
    assert leading == []


def consume(steps: Iterable[None]) -> None:
    for _ in steps:
        pass


def writer(clip: Clip, path: Path, first: int = 3, last: int = 5) -> SegmentWriter:
    return SegmentWriter(path, clip.index, first, last, (160, 90), FAST)


def test_too_few_frames_leave_no_file(clips: Clips, tmp_path: Path) -> None:
    segment = writer(clips("h264 closed GOP"), tmp_path / "s.mp4")
    segment.write(picture(0))
    with pytest.raises(SegmentMismatch, match=r"s\.mp4: 1 of 3 frames of frames 3\.\.5"):
        segment.close()
    assert not (tmp_path / "s.mp4").exists()


def test_too_many_frames_are_refused(clips: Clips, tmp_path: Path) -> None:
    with writer(clips("h264 closed GOP"), tmp_path / "s.mp4") as segment:
        for number in range(3):
            segment.write(picture(number))
        with pytest.raises(SegmentMismatch, match=r"s\.mp4: more than the 3 frames of frames 3\.\.5"):
            segment.write(picture(3))
    assert inspect_segment(tmp_path / "s.mp4").frames == 3


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((92, 160, 3), np.uint8), r"frame 3 is uint8 \[92, 160, 3\]; the segment takes uint8 \[90, 160, 3\]"),
        (np.zeros((90, 160, 3), np.float32), "frame 3 is float32"),
    ],
)
def test_a_frame_of_another_shape_is_refused(clips: Clips, tmp_path: Path, frame: Any, message: str) -> None:
    with pytest.raises(SegmentMismatch, match=message), writer(clips("h264 closed GOP"), tmp_path / "s.mp4") as segment:
        segment.write(frame)
    assert not (tmp_path / "s.mp4").exists()


def test_an_odd_size_is_refused(clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="161x91; both must be even"):
        SegmentWriter(tmp_path / "s.mp4", clips("h264 closed GOP").index, 0, 1, (161, 91))


def test_an_error_while_writing_leaves_no_file(clips: Clips, tmp_path: Path) -> None:
    def score(number: int) -> np.ndarray:
        return picture(number) if number < 1 else {}["the scorer failed"]

    with pytest.raises(KeyError), writer(clips("h264 closed GOP"), tmp_path / "s.mp4") as segment:
        consume(segment.write(score(number)) for number in range(3))
    assert not (tmp_path / "s.mp4").exists()


def test_frames_that_are_not_the_chunks_are_seen(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 variable rate")
    path = write_segment(clip, tmp_path / "s.mp4", 0, 9)
    with pytest.raises(SegmentMismatch, match=r"s\.mp4: 10 frames; frames 0\.\.8 are 9"):
        check_segment(path, clip.index, 0, 8)
    with pytest.raises(SegmentMismatch, match=r"s\.mp4: frame \d+ has pts \d+ instead of \d+"):
        check_segment(path, clip.index, 7, 16)


def test_what_is_no_segment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.mp4").write_bytes(b"not a video")
    with pytest.raises(SegmentMismatch, match=r"s\.mp4: not a segment"):
        inspect_segment(tmp_path / "s.mp4")


def test_settings_are_recorded() -> None:
    assert EncoderSettings(crf=20).as_dict() == {
        "codec": "libx264",
        "pix_fmt": "yuv420p",
        "b_frames": 2,
        "crf": 20,
        "preset": "veryfast",
        "keyframe_interval": 120,
        "threads": 0,
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crf": 52}, "crf: 52 is outside 0"),
        ({"preset": "quick"}, "preset: 'quick' is unknown to x264; give one of ultrafast"),
        ({"keyframe_interval": 0}, "keyframe_interval: 0"),
        ({"threads": -1}, "threads: -1"),
    ],
)
def test_settings_x264_does_not_know_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EncoderSettings(**settings)
