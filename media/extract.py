"""Part of a finished result as a segment: what an earlier job has scored, for a job that scores only the rest."""

from bisect import bisect_left
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from contracts.video_index import Keyframe, VideoIndex
from media.decode_times import DecodeTimes
from media.errors import SegmentMismatch, UnsupportedMedia, frame_range
from media.packets import AnyPacket, VideoPacket, video_packets
from media.reader import read_frames
from media.segment import B_FRAMES, EncoderSettings, SegmentInfo, SegmentWriter, check_segment, inspect_segment
from media.source import Source, name_of, open_source, video_stream


@dataclass(frozen=True)
class Result:
    """A finished result: its file, and its own index (its clock may have another unit than the source's)."""

    file: Source
    index: VideoIndex


@dataclass(frozen=True)
class _Part:
    """Frames `first`..`last` of the result: whole groups of pictures, to be copied, or a piece of one."""

    first: int
    last: int
    whole: bool


def extract(
    result: Result, index: VideoIndex, first: int, last: int, out: Path, settings: EncoderSettings
) -> SegmentInfo:
    """Write frames `first`..`last` of `result` as a segment of the video that `index` describes, at `out`.

    Packets of groups of pictures that lie wholly in the range are copied: those frames are the result's, bit by bit.
    A group that the range cuts is decoded and encoded again, with `settings`, which must be those that the result was
    made with. On any error `out` is removed.

    Raises:
        SegmentMismatch: the result does not hold those frames, or was encoded otherwise.
        FramesMissing, UnsupportedMedia: the result cannot be read.
    """
    if result.index.frame_count != index.frame_count:
        raise SegmentMismatch(
            f"{name_of(result.file)}: {result.index.frame_count} frames, the source has {index.frame_count}; "
            "give the result of the same video"
        )
    try:
        _write(result, index, first, last, out, settings)
        return check_segment(out, index, first, last)
    except FFmpegError as error:
        out.unlink(missing_ok=True)
        raise SegmentMismatch(f"{out.name}: the segment could not be written: {error.strerror}") from error
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def check_encoder(result: Result, index: VideoIndex, out: Path, settings: EncoderSettings) -> None:
    """Encode the result's first frame again (at `out`, which is removed), and compare the headers.

    Raises:
        SegmentMismatch: the result was encoded otherwise, so that new segments cannot follow its packets.
        FramesMissing: its first frame does not decode.
    """
    for _ in _encoded(result, index, _Part(0, 0, whole=False), out, settings):
        pass


def _write(result: Result, index: VideoIndex, first: int, last: int, out: Path, settings: EncoderSettings) -> None:
    window = index.window(first, last)
    pts = [value - window.frames.start for value in window.frames.decode()]
    durations = [b - a for a, b in pairwise(pts)] + [window.last_duration]
    numbers = {value: number for number, value in enumerate(pts)}
    with _opened(result.file) as template, av.open(f"file:{out}", "w", format="mp4") as opened:
        output: Any = opened
        stream = output.add_stream_from_template(template)
        stream.time_base = index.time_base
        decode_times = DecodeTimes(pts, min(durations), max(template.codec_context.reorder_depth, B_FRAMES))
        for packet, ticks in _packets(result, index, first, last, out, settings):
            number = numbers.pop(ticks, None)
            if number is None:
                raise SegmentMismatch(f"{name_of(result.file)}: no frame of the source is {ticks} after frame {first}")
            packet.pts, packet.dts = pts[number], decode_times.next(number)
            packet.duration, packet.time_base = durations[number], index.time_base
            packet.stream = stream
            output.mux_one(packet)
    if numbers:
        raise SegmentMismatch(f"{name_of(result.file)}: frame {first + min(numbers.values())} is not in it")


def _packets(
    result: Result, index: VideoIndex, first: int, last: int, out: Path, settings: EncoderSettings
) -> Iterator[tuple[AnyPacket, int]]:
    """The packets of the segment in decode order, each with its frame's time after frame `first` in `index`' unit."""
    pts = index.frames.decode()
    for part in _parts(result.index, first, last):
        shift = pts[part.first] - pts[first]
        packets = _copied(result, part) if part.whole else _encoded(result, index, part, out, settings)
        for packet, after in packets:
            yield packet, shift + round(after / index.time_base)


def _parts(index: VideoIndex, first: int, last: int) -> list[_Part]:
    """Frames `first`..`last` as groups of pictures, neighbours that are whole made one."""
    pts = index.frames.decode()
    starts = [bisect_left(pts, keyframe.pts) for keyframe in index.keyframes]
    parts: list[_Part] = []
    for start, after in pairwise([*starts, len(pts)]):
        if after <= first or start > last:
            continue
        part = _Part(max(start, first), min(after - 1, last), whole=first <= start and after - 1 <= last)
        if parts and parts[-1].whole and part.whole:
            part = _Part(parts.pop().first, part.last, whole=True)
        parts.append(part)
    return parts


def _copied(result: Result, part: _Part) -> Iterator[tuple[AnyPacket, Fraction]]:
    """The part's packets as they are, with seconds after its first frame."""
    pts = result.index.frames.decode()
    start, wanted = pts[part.first], part.last - part.first + 1
    keyframe = next(keyframe for keyframe in result.index.keyframes if keyframe.pts == start)
    with _opened(result.file) as stream:
        packets = _from_keyframe(cast(InputContainer, stream.container), stream, keyframe)
        for seen, packet in enumerate(packets, 1):
            assert packet.pts is not None
            yield packet, (packet.pts - start) * result.index.time_base
            if seen == wanted:
                return
    raise SegmentMismatch(f"{name_of(result.file)}: ends before {frame_range(range(part.first, part.last + 1))} do")


def _from_keyframe(container: InputContainer, stream: VideoStream, keyframe: Keyframe) -> Iterator[VideoPacket]:
    """Packets from `keyframe` on. A seek may land one group of pictures early: what comes before is passed over."""
    container.seek(keyframe.pts, stream=stream, backward=True)
    packets = video_packets(container, stream)
    for packet in packets:
        if packet.pts == keyframe.pts:
            yield packet
            yield from packets
            return


def _encoded(
    result: Result, index: VideoIndex, part: _Part, out: Path, settings: EncoderSettings
) -> Iterator[tuple[AnyPacket, Fraction]]:
    """The part's frames encoded again, with seconds after its first frame."""
    path = out.with_name(f"{out.name}.{part.first}")
    size = (result.index.width, result.index.height)
    try:
        with SegmentWriter(path, index, part.first, part.last, size, settings) as writer:
            for frame in read_frames(result.file, result.index, part.first, part.last):
                writer.write_yuv(frame)
        _check_header(result, path)
        with _opened(path) as stream:
            base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
            for packet in video_packets(cast(InputContainer, stream.container), stream):
                assert packet.pts is not None
                yield packet, packet.pts * base
    finally:
        path.unlink(missing_ok=True)


def _check_header(result: Result, encoded: Path) -> None:
    """Packets of two encodings can only follow each other under one header."""
    with _opened(result.file) as stream:
        header = bytes(stream.codec_context.extradata or b"")
    if header != inspect_segment(encoded).extradata:
        raise SegmentMismatch(
            f"{name_of(result.file)}: was encoded with other settings or by another version of the encoder; "
            "score the whole video again"
        )


@contextmanager
def _opened(source: Source) -> Generator[VideoStream]:
    try:
        with open_source(source) as container:
            yield video_stream(container, name_of(source))
    except UnsupportedMedia as error:
        raise SegmentMismatch(f"{name_of(source)}: no finished result: {error}") from error
