"""Parts of a finished result become segments again: copied where that is possible, and always at their times."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from contracts.video_index import VideoIndex
from media.errors import SegmentMismatch
from media.extract import Result, extract
from media.index import probe
from media.reader import read_frames
from media.segment import EncoderSettings, SegmentWriter, check_segment, inspect_segment
from media.stitch import Segment, stitch
from media.verify import audio_digests, frame_times_of
from tests.media.clips import AAC, X264, encode, picture
from tests.media.conftest import Clip, Clips

pytestmark = pytest.mark.timeout(120)

SIZE = (160, 90)
# Groups of pictures of 8 frames inside segments that begin at 0, 16 and 30: keyframes at 0, 8, 16, 24, 30 and 38.
SETTINGS = EncoderSettings(preset="veryfast", keyframe_interval=8, threads=1)
STARTS = (0, 16, 30)
KINDS = ["h264 closed GOP", "h264 variable rate", "h264 late start", "h264 MPEG-TS"]


@dataclass(frozen=True)
class Base:
    """A clip's result as a job publishes it, and its decoded frames [H, W] of luma."""

    clip: Clip
    path: Path
    index: VideoIndex
    luma: list[np.ndarray]

    @property
    def result(self) -> Result:
        return Result(self.path, self.index)


def luma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)]


def styled(clip: Clip, folder: Path, first: int, last: int, shade: int) -> Segment:
    """Frames `first`..`last` of a look of its own, encoded as a task would."""
    path = folder / f"styled-{shade}-{first}.mp4"
    with SegmentWriter(path, clip.index, first, last, SIZE, SETTINGS) as segment:
        for number in range(first, last + 1):
            segment.write(np.clip(picture(number).astype(np.int16) + shade, 0, 255).astype(np.uint8))
    return Segment(first, last, lambda: path.open("rb"))


def published(clip: Clip, folder: Path) -> Base:
    ends = [*(start - 1 for start in STARTS[1:]), clip.index.frame_count - 1]
    segments = [styled(clip, folder, first, last, 0) for first, last in zip(STARTS, ends, strict=True)]
    path = folder / "base.mp4"
    stitch(segments, clip.path, clip.index, path)
    return Base(clip, path, probe(path), luma(path))


@pytest.fixture(scope="module")
def base(clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> Base:
    return published(clips("h264 closed GOP"), tmp_path_factory.mktemp("base"))


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("first", "last"), [(0, 15), (16, 29), (8, 37), (11, 13), (11, 35), (5, 5), (38, 39)])
def test_a_part_is_a_segment_of_its_frames(clips: Clips, kind: str, first: int, last: int, tmp_path: Path) -> None:
    base = published(clips(kind), tmp_path)
    out = tmp_path / "part.mp4"
    extract(base.result, base.clip.index, first, last, out, SETTINGS)
    info = check_segment(out, base.clip.index, first, last)
    assert info.extradata == inspect_segment(base.path).extradata
    assert len(luma(out)) == last - first + 1
    assert sorted(tmp_path.glob("part*")) == [out]


@pytest.mark.parametrize(("first", "last"), [(0, 15), (8, 29), (24, 37), (30, 39), (0, 39)])
def test_whole_groups_of_pictures_are_copied_packet_by_packet(
    base: Base, first: int, last: int, tmp_path: Path
) -> None:
    out = tmp_path / "part.mp4"
    extract(base.result, base.clip.index, first, last, out, SETTINGS)
    # Segments' packets come one after the other, so that the copies are one slice of the result's.
    assert packets(out) == packets(base.path)[first : last + 1]
    for number, (found, expected) in enumerate(zip(luma(out), base.luma[first : last + 1], strict=True), first):
        assert np.array_equal(found, expected), number


def test_only_the_groups_that_the_range_cuts_are_encoded_again(base: Base, tmp_path: Path) -> None:
    out = tmp_path / "part.mp4"
    extract(base.result, base.clip.index, 5, 33, out, SETTINGS)
    same = [n for n, found in enumerate(luma(out), 5) if np.array_equal(found, base.luma[n])]
    assert set(same) >= set(range(8, 30))
    assert set(same).isdisjoint({5, 33})
    for number, found in enumerate(luma(out), 5):
        error = np.mean((found.astype(np.float64) - base.luma[number]) ** 2)
        assert error < 255**2 / 10**4  # 40 dB


def test_with_new_segments_between_the_whole_has_every_frame_once_and_its_sound(base: Base, tmp_path: Path) -> None:
    index = base.clip.index
    head, tail, out = tmp_path / "head.mp4", tmp_path / "tail.mp4", tmp_path / "out.mp4"
    extract(base.result, index, 0, 17, head, SETTINGS)
    extract(base.result, index, 28, 39, tail, SETTINGS)
    new = styled(base.clip, tmp_path, 18, 27, 60)
    parts = [Segment(0, 17, lambda: head.open("rb")), new, Segment(28, 39, lambda: tail.open("rb"))]
    stitch(parts, base.clip.path, index, out)
    assert frame_times_of(out) == frame_times_of(base.path)
    assert audio_digests(out, stored=True) == audio_digests(base.path, stored=True) != []
    found = luma(out)
    assert all(np.array_equal(found[n], base.luma[n]) for n in (*range(16), *range(30, 40)))
    assert all(found[n].mean() > base.luma[n].mean() + 20 for n in range(18, 28))


def test_colour_and_shape_of_the_source_stay(tmp_path: Path) -> None:
    path = encode(tmp_path / "s.mp4", options=X264, sar=Fraction(4, 3), rotation=90, audio=AAC)
    base = published(Clip("turned", path, probe(path), ()), tmp_path)
    extract(base.result, base.clip.index, 3, 20, tmp_path / "part.mp4", SETTINGS)
    assert inspect_segment(tmp_path / "part.mp4").extradata == inspect_segment(base.path).extradata


def test_the_frame_types_of_what_was_decoded_are_not_forced_upon_the_encoder(tmp_path: Path) -> None:
    path = encode(tmp_path / "intra.mp4", options=X264 | {"g": "1", "x264-params": "keyint=1"})
    index = probe(path)
    with SegmentWriter(tmp_path / "s.mp4", index, 0, 15, SIZE, SETTINGS) as segment:
        for frame in read_frames(path, index, 0, 15):
            segment.write_yuv(frame)
    with av.open(str(tmp_path / "s.mp4")) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size) == 2


def test_only_yuv420p_of_the_segments_size_is_taken_as_it_is(base: Base, tmp_path: Path) -> None:
    frame = av.VideoFrame(*SIZE, format="rgb24")
    with (
        pytest.raises(SegmentMismatch, match=r"frame 3 is rgb24 160x90; the segment takes yuv420p 160x90"),
        SegmentWriter(tmp_path / "s.mp4", base.clip.index, 3, 4, SIZE, SETTINGS) as segment,
    ):
        segment.write_yuv(frame)
    assert list(tmp_path.iterdir()) == []


def test_a_part_of_a_result_that_was_itself_made_of_parts_is_copied_once_more(base: Base, tmp_path: Path) -> None:
    index, halves, again = base.clip.index, [tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "again.mp4"
    extract(base.result, index, 0, 18, halves[0], SETTINGS)
    extract(base.result, index, 19, 39, halves[1], SETTINGS)
    parts = [Segment(0, 18, lambda: halves[0].open("rb")), Segment(19, 39, lambda: halves[1].open("rb"))]
    stitch(parts, base.clip.path, index, again)
    extract(Result(again, probe(again)), index, 8, 39, tmp_path / "part.mp4", SETTINGS)
    assert packets(tmp_path / "part.mp4") == packets(again)[8:]


def test_a_result_of_other_encoder_settings_is_refused_and_nothing_is_left(base: Base, tmp_path: Path) -> None:
    out = tmp_path / "part.mp4"
    with pytest.raises(SegmentMismatch, match="encoded with other settings"):
        extract(base.result, base.clip.index, 3, 20, out, EncoderSettings(preset="ultrafast", threads=1))
    assert list(tmp_path.iterdir()) == []


def test_a_result_of_another_video_is_refused(base: Base, clips: Clips, tmp_path: Path) -> None:
    shorter = base.clip.index.window(0, 30)
    with pytest.raises(SegmentMismatch, match="40 frames, the source has 31"):
        extract(base.result, shorter, 0, 3, tmp_path / "part.mp4", SETTINGS)
    other = clips("h264 variable rate").index
    with pytest.raises(SegmentMismatch, match="no frame of the source is"):
        extract(base.result, other, 0, 39, tmp_path / "part.mp4", SETTINGS)
    assert list(tmp_path.iterdir()) == []
