"""Any cut of any kind of video into chunks reads the frames of a straight decode, each once."""

import io
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.frame_times import FrameTimes
from contracts.video_index import Keyframe
from media.errors import FramesMissing
from media.index import probe
from media.ranged import RangedReader
from media.reader import read_frames
from tests.media.clips import X264, cut_short, decode_straight, encode, frame_hash
from tests.media.conftest import VIDEO_FOLDER, Clip, Clips

pytestmark = pytest.mark.timeout(120)


def read_hashes(clip: Clip, first: int, last: int, *, windowed: bool = True) -> list[str]:
    index = clip.index.window(first, last) if windowed else clip.index
    return [frame_hash(frame) for frame in read_frames(clip.path, index, first, last)]


def cuts(count: int) -> list[int]:
    """Uneven chunk starts, one-frame chunks at both ends, and one of one frame in the middle."""
    starts = {0, 1, 2, 9, 11, 12, 13, 14, 23, 25, 37, count - 1}
    return [*sorted(n for n in starts if 0 <= n < count), count]


def test_uneven_chunks_read_the_frames_of_a_straight_decode(clip: Clip) -> None:
    chunks = [read_hashes(clip, a, b - 1) for a, b in pairwise(cuts(clip.index.frame_count))]
    assert tuple(h for chunk in chunks for h in chunk) == clip.hashes


def test_frames_carry_the_times_of_the_index(clip: Clip) -> None:
    last = clip.index.frame_count - 1
    first = last // 2
    frames = read_frames(clip.path, clip.index, first, last)
    times = [frame.pts * frame.time_base for frame in frames if frame.pts is not None]
    assert times == [pts * clip.index.time_base for pts in clip.index.frames.decode()[first:]]


@settings(max_examples=12, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["h264 open GOP", "h264 variable rate", "vp9", "packed B-frames avi"])
def test_any_range_reads_its_frames(clips: Clips, kind: str, data: st.DataObject) -> None:
    clip = clips(kind)
    first = data.draw(st.integers(0, clip.index.frame_count - 1))
    last = data.draw(st.integers(first, clip.index.frame_count - 1))
    windowed = data.draw(st.booleans())
    assert tuple(read_hashes(clip, first, last, windowed=windowed)) == clip.hashes[first : last + 1]


@pytest.mark.parametrize("kind", ["h264 closed GOP", "h264 MPEG-TS", "vp9", "gif"])
def test_ranged_reads_give_the_same_frames(clips: Clips, kind: str) -> None:
    clip = clips(kind)
    data = clip.path.read_bytes()
    with RangedReader(lambda offset, length: data[offset : offset + length], len(data), 4096) as source:
        assert probe(source) == clip.index
        hashes = [frame_hash(frame) for frame in read_frames(source, clip.index, 17, 30)]
    assert tuple(hashes) == clip.hashes[17:31]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_does_not_change_the_frames(clips: Clips, threads: int) -> None:
    clip = clips("h264 open GOP")
    frames = read_frames(clip.path, clip.index, 5, 33, threads=threads)
    assert tuple(frame_hash(frame) for frame in frames) == clip.hashes[5:34]


def test_frames_come_while_later_ones_are_still_unread(tmp_path: Path) -> None:
    path = encode(
        tmp_path / "large.mkv", "mjpeg", pix_fmt="yuvj420p", size=(640, 360), options={"qmin": "1", "qmax": "1"}
    )
    data = path.read_bytes()
    with RangedReader(lambda offset, length: data[offset : offset + length], len(data), 1024) as source:
        frames = read_frames(source, probe(path), 0, 39, threads=1)
        next(frames)
        before = source.bytes_read
        assert len(list(frames)) == 39
        assert source.bytes_read - before > len(data) // 4


def test_a_seek_point_that_does_not_hold_is_retried_from_earlier(clips: Clips) -> None:
    """Intra refresh: the container flags packets as keyframes that need the packets before them."""
    clip = clips("h264 intra refresh")
    with av.open(str(clip.path)) as container:
        flagged = [p for p in container.demux(container.streams.video[0]) if p.is_keyframe and p.pts is not None]
    assert len(flagged) > len(clip.index.keyframes) == 1
    trusting = clip.index.model_copy(update={"keyframes": tuple(Keyframe(pts=p.pts, dts=p.dts) for p in flagged)})
    hashes = [frame_hash(frame) for frame in read_frames(clip.path, trusting, 13, 39)]
    assert tuple(hashes) == clip.hashes[13:]


def damage(clip: Clip, number: int, path: Path) -> Path:
    """Overwrite the packet of frame `number` with zeros: a later chunk still decodes, this frame does not."""
    data = bytearray(clip.path.read_bytes())
    with av.open(str(clip.path)) as container:
        wanted = clip.index.frames.decode()[number]
        packet = next(p for p in container.demux(container.streams.video[0]) if p.pts == wanted)
        assert packet.pos is not None
        data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(data)
    return path


def test_a_damaged_frame_is_named_and_costs_only_itself(clips: Clips, tmp_path: Path) -> None:
    clip = clips("mjpeg")
    source = damage(clip, 20, tmp_path / "damaged.mov")
    got: list[str] = []
    with pytest.raises(FramesMissing, match=r"damaged\.mov: frame 20 could not be decoded") as caught:
        got.extend(frame_hash(frame) for frame in read_frames(source, clip.index, 15, 25))
    assert tuple(got) == clip.hashes[15:20]
    assert list(caught.value.got) == [15, 16, 17, 18, 19]
    assert list(caught.value.missing) == [20, 21, 22, 23, 24, 25]
    rest = [frame_hash(frame) for frame in read_frames(source, clip.index, 21, 25)]
    assert tuple(rest) == clip.hashes[21:26]


def test_frames_lost_after_the_index_was_made_are_missing(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 MPEG-TS")
    cut = cut_short(clip.path, tmp_path / "cut.ts")
    with pytest.raises(FramesMissing) as caught:
        list(read_frames(cut, clip.index, 30, 39))
    assert caught.value.missing[-1] == 39


def test_counted_frames_that_are_not_there_are_missing(clips: Clips) -> None:
    clip = clips("raw h264")
    longer = clip.index.model_copy(update={"frames": FrameTimes.encode(range(45))})
    with pytest.raises(FramesMissing) as caught:
        list(read_frames(clip.path, longer, 38, 44))
    assert list(caught.value.missing) == [40, 41, 42, 43, 44]


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_cut_off_stream_is_read_as_far_as_it_goes(tmp_path: Path, suffix: str) -> None:
    path = cut_short(encode(tmp_path / f"whole.{suffix}", options=X264), tmp_path / f"cut.{suffix}")
    index = probe(path)
    whole = decode_straight(path)
    assert 10 < index.frame_count == len(whole) < 40
    # The last packet of a transport stream is handed out although half of it is missing; its frame is part guesswork.
    last = index.frame_count - (2 if suffix == "ts" else 1)
    middle = last // 2
    hashes = [
        frame_hash(frame)
        for begin, end in ((0, middle), (middle + 1, last))
        for frame in read_frames(path, index.window(begin, end), begin, end)
    ]
    assert hashes == whole[: last + 1]
    if suffix == "ts":
        with pytest.raises(FramesMissing, match=f"frame {last + 1} could not be decoded"):
            list(read_frames(path, index, last + 1, last + 1))


class StoreError(Exception):
    pass


@pytest.mark.parametrize("kind", ["h264 closed GOP", "h264 MPEG-TS", "vp9", "raw h264"])
def test_an_error_of_the_store_surfaces_as_itself(clips: Clips, kind: str) -> None:
    clip = clips(kind)
    data = clip.path.read_bytes()
    bytes_before_failure = len(data) // 2

    def read_range(offset: int, length: int) -> bytes:
        nonlocal bytes_before_failure
        bytes_before_failure -= length
        if bytes_before_failure < 0:
            raise StoreError("503 server busy")
        return data[offset : offset + length]

    with pytest.raises(StoreError, match="503 server busy"):
        list(read_frames(RangedReader(read_range, len(data), 1024), clip.index, 0, clip.index.frame_count - 1))
    with pytest.raises(StoreError, match="503 server busy"):
        probe(RangedReader(read_range, len(data), 1024))


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (5, 4), (30, 40)])
def test_frames_outside_the_index_are_refused_before_anything_is_read(clips: Clips, first: int, last: int) -> None:
    index = clips("h264 closed GOP").index
    with pytest.raises(ValueError, match=rf"frames {first}\.\.{last} are outside this index, which holds 0\.\.39"):
        read_frames(io.BytesIO(), index, first, last)


def sample_videos() -> list[Path]:
    return sorted(VIDEO_FOLDER.glob("*")) if VIDEO_FOLDER.is_dir() else []


@pytest.mark.skipif(not sample_videos(), reason=f"no sample videos at {VIDEO_FOLDER}")
@pytest.mark.parametrize("path", sample_videos(), ids=lambda path: path.name)
def test_sample_videos_read_the_frames_of_a_straight_decode(path: Path) -> None:
    index = probe(path)
    count = min(index.frame_count, 125)
    straight = decode_straight(path, count)
    bounds = [0, 1, 38, 40, count] if count > 40 else [0, 1, 8, count]
    hashes = [
        frame_hash(frame)
        for first, after in pairwise(sorted(set(bounds)))
        for frame in read_frames(path, index.window(first, after - 1), first, after - 1)
    ]
    assert hashes == straight
