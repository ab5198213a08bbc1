"""Several decoders, each with one thread, read what one reads: whole videos and damaged ones."""

import threading
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pytest
from av.video.frame import VideoFrame

from media import stretches
from media.errors import FramesMissing
from media.ranged import RangedReader
from media.reader import read_frames
from media.stretches import read_in_stretches
from tests.media.clips import frame_hash
from tests.media.conftest import Clip, Clips
from tests.media.damage import ALL, break_packet, packet_times

pytestmark = pytest.mark.timeout(120)

FRAME = 2 * 160 * 90  # bytes that a frame is taken to have


def read(path: Path, clip: Clip, first: int, last: int, **options: int) -> tuple[list[str], str]:
    """The hashes of the frames, and the error that ended them."""
    settings = {"readers": 3, "min_frames": 4, **options}
    return collected(read_in_stretches(lambda: path, clip.index, first, last, **settings))


def collected(frames: Iterable[VideoFrame]) -> tuple[list[str], str]:
    hashes: list[str] = []
    try:
        hashes.extend(frame_hash(frame) for frame in frames)
    except FramesMissing as error:
        return hashes, str(error)
    return hashes, ""


def decoders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("decode ")]


def test_every_kind_of_video_is_read_as_by_one_decoder(clip: Clip) -> None:
    last = clip.index.frame_count - 1
    assert read(clip.path, clip, 0, last) == (list(clip.hashes), "")
    if last > 30:
        assert read(clip.path, clip, 5, 30, memory_bytes=1) == (list(clip.hashes[5:31]), "")


@pytest.mark.parametrize("kind", ["h264 closed GOP", "h264 open GOP", "h264 MPEG-TS", "mpeg4 avi"])
def test_damage_is_found_as_by_one_decoder(clips: Clips, kind: str, tmp_path: Path) -> None:
    clip = clips(kind)
    last = clip.index.frame_count - 1
    found = 0
    # In decode order: keyframes of the first, second and third stretch, their neighbours, and frames between.
    for place in (0, 1, 7, 11, 12, 13, 20, 23, 24, 25, 31, 39):
        for damage in ALL.values():
            broken = break_packet(clip.path, packet_times(clip.path)[place], damage, tmp_path / f"b{clip.path.suffix}")
            expected = collected(read_frames(broken, clip.index, 0, last, threads=1))
            assert read(broken, clip, 0, last) == expected
            found += bool(expected[1])
    assert found > 20


@pytest.mark.parametrize(("kind", "count"), [("h264 closed GOP", 4), ("h264 one GOP", 0), ("hevc", 0), ("h264 avi", 0)])
def test_only_what_can_be_cut_at_keyframes_and_needs_it_is(
    clips: Clips, monkeypatch: pytest.MonkeyPatch, kind: str, count: int
) -> None:
    made: list[tuple[int, int]] = []

    class Noting(stretches._Stretch):
        def __init__(self, source: Path, index: object, first: int, last: int, room: int) -> None:
            made.append((first, last))
            super().__init__(source, index, first, last, room)  # pyright: ignore

    monkeypatch.setattr(stretches, "_Stretch", Noting)
    clip = clips(kind)
    read(clip.path, clip, 0, 39)
    assert len(made) == count
    if made:
        assert made == [(0, 11), (12, 23), (24, 35), (36, 39)]


def test_decoders_are_ahead_of_what_is_asked_for_by_so_much(clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    changed = threading.Condition()

    def counting(*arguments: object) -> Iterator[object]:
        frames = read_frames(*arguments)  # pyright: ignore
        try:
            for frame in frames:
                with changed:
                    decoded.append(1)
                    changed.notify_all()
                yield frame
        finally:
            frames.close()

    monkeypatch.setattr(stretches, "read_frames", counting)
    clip = clips("h264 closed GOP")
    options = {"readers": 3, "min_frames": 4, "memory_bytes": 3 * 2 * FRAME}  # 2 frames each
    frames = read_in_stretches(lambda: clip.path, clip.index, 0, 39, **options)
    hashes = [frame_hash(next(frames))]

    most = 1 + 3 * (2 + 1)  # what was taken; for each reader what is waiting, and the frame that it is at
    with changed:
        assert changed.wait_for(lambda: len(decoded) == most, 20)
    time.sleep(0.05)  # for what should not happen
    assert len(decoded) == most
    assert len(decoders()) == 3

    hashes += [frame_hash(frame) for frame in frames]
    assert tuple(hashes) == clip.hashes
    assert decoders() == []


def test_a_reader_that_is_given_up_leaves_no_thread(clips: Clips) -> None:
    clip = clips("h264 closed GOP")
    frames = read_in_stretches(lambda: clip.path, clip.index, 0, 39, readers=3, min_frames=4, memory_bytes=1)
    assert len(list(islice(frames, 5))) == 5
    assert decoders()

    frames.close()

    assert decoders() == []


class StoreError(Exception):
    pass


def test_an_error_of_the_store_surfaces_as_itself(clips: Clips) -> None:
    clip = clips("h264 closed GOP")
    data = clip.path.read_bytes()

    def read_range(offset: int, length: int) -> bytes:
        if offset > len(data) // 2:
            raise StoreError("503 server busy")
        return data[offset : offset + length]

    source = RangedReader(read_range, len(data), 1024)
    with pytest.raises(StoreError, match="503 server busy"):
        list(read_in_stretches(source.again, clip.index, 0, 39, readers=3, min_frames=4))
    assert decoders() == []
