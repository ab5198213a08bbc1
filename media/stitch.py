"""Segments and the source's audio into one MP4, without re-encoding the video."""

import heapq
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from fractions import Fraction
from itertools import pairwise
from math import floor, lcm
from pathlib import Path
from typing import Any, Self, cast

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from contracts.video_index import VideoIndex
from media.audio import AudioCopier, AudioTrack
from media.decode_times import DecodeTimes
from media.errors import SegmentMismatch, StitchRefused, UnsupportedMedia, frame_range
from media.mp4_index import NO_DECODER, index_of
from media.packets import AnyPacket, video_packets
from media.segment import B_FRAMES
from media.source import Source, keep_only, name_of, open_source, video_stream

DISK_FULL = (ENOSPC, EDQUOT)
_KEPT_METADATA = ("title", "artist", "comment", "creation_time")


@dataclass(frozen=True)
class Segment:
    """The result of frames `first`..`last`; `open` gives its file, and is called anew for each reading."""

    first: int
    last: int
    open: Callable[[], Source]


@dataclass(frozen=True)
class StitchReport:
    """What was published. `start` is the first frame's time in seconds, `shift` how much earlier than in the source."""

    frames: int
    width: int
    height: int
    start: Fraction
    shift: Fraction
    duration: Fraction
    audio: tuple[AudioTrack, ...]
    bytes: int


@dataclass(frozen=True)
class _Model:
    """What all segments must have in common; `reorder` is the decoder's delay in frames."""

    width: int
    height: int
    extradata: bytes
    reorder: int

    @classmethod
    def of(cls, stream: VideoStream) -> Self:
        context = stream.codec_context
        return cls(stream.width, stream.height, bytes(context.extradata or b""), max(context.reorder_depth, B_FRAMES))


def stitch(segments: Sequence[Segment], source: Source, index: VideoIndex, out: Path) -> StitchReport:
    """Concatenate `segments` into the MP4 `out`, with every audio track of `source`.

    Video packets are remuxed: pts are exactly the source's. Audio packets are copied where MP4 takes the codec, else
    encoded as AAC. Segments are opened one at a time; memory is some tens of bytes per frame. The finished file is
    read back and its frame times compared before this returns; on any error `out` is removed.

    Raises:
        StitchRefused: the segments do not cover every frame once, or the result would not be exact.
        SegmentMismatch: a segment holds other frames than it should, or was encoded otherwise than the first.
        OSError: the disk is full.
    """
    segments = sorted(segments, key=lambda segment: segment.first)
    _check_cover(segments, index)
    try:
        report = _write(segments, source, index, out)
        _check_result(out, index, report)
    except FFmpegError as error:
        out.unlink(missing_ok=True)
        _require_room(error, out)
        raise StitchRefused(f"{out.name}: the MP4 could not be written: {error.strerror}") from error
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return report


def _check_cover(segments: Sequence[Segment], index: VideoIndex) -> None:
    if index.first_frame != 0:
        raise ValueError(f"index: starts at frame {index.first_frame}; a stitch needs the whole video's index")
    expected = 0
    missing: list[str] = []
    for segment in segments:
        if segment.first < expected:
            raise StitchRefused(f"frame {segment.first} is in two segments; each frame must be in exactly one")
        if segment.last < segment.first or segment.last >= index.frame_count:
            raise StitchRefused(
                f"segment {segment.first}..{segment.last} is not within frames 0..{index.frame_count - 1}"
            )
        if segment.first > expected:
            missing.append(frame_range(range(expected, segment.first)))
        expected = segment.last + 1
    if expected < index.frame_count:
        missing.append(frame_range(range(expected, index.frame_count)))
    if missing:
        raise StitchRefused(f"{', '.join(missing)} of {index.frame_count} missing; score them, then stitch again")


def _write(segments: Sequence[Segment], source: Source, index: VideoIndex, out: Path) -> StitchReport:
    with (
        open_source(source) as original,
        av.open(f"file:{out}", "w", format="mp4", container_options={"movflags": "+faststart"}) as output,
    ):
        keep_only(original, *original.streams.audio)
        with _opened(segments[0], may_decode=True) as template:
            model = _Model.of(template)
            video = _add_video(output, template, original, index)
        audio = AudioCopier(source, original, output)
        output.metadata.update({key: original.metadata[key] for key in _KEPT_METADATA if key in original.metadata})
        shift = _shift(index, audio)
        frames = _video_packets(segments, model, index, video, shift)
        for packet in heapq.merge(frames, audio.packets(shift), key=_decode_time):
            _mux(output, packet)
        tracks = audio.tracks
    start = index.frames.start * index.time_base - shift
    return StitchReport(
        index.frame_count, model.width, model.height, start, shift, index.duration, tracks, out.stat().st_size
    )


def _add_video(output: Any, template: VideoStream, original: InputContainer, index: VideoIndex) -> VideoStream:
    video = output.add_stream_from_template(template)
    video.time_base = index.time_base
    if index.rotation:
        video.set_display_rotation(index.rotation)
    language = original.streams[index.stream_index].language
    if language:
        video.metadata["language"] = language
    return video


def _shift(index: VideoIndex, audio: AudioCopier) -> Fraction:
    """How much earlier everything begins than in the source: players should not wait for a broadcast's clock.

    The earliest stream then begins at 0, if every stream's clock can say so exactly; otherwise within a second of
    it, because whole seconds are exact in most clocks. Sound and picture keep their distance to the tick. Sound may
    begin before 0 (encoders' priming), pictures may not: then the shift is negative.
    """
    video = index.frames.start * index.time_base
    start = video if video < 0 or audio.start is None else max(Fraction(0), min(video, audio.start))
    bases = (index.time_base, *audio.time_bases)
    for shift in (start, Fraction(floor(start))):
        if all((shift / base).denominator == 1 for base in bases):
            return shift
    return Fraction(0)


def _video_packets(
    segments: Sequence[Segment], model: _Model, index: VideoIndex, video: VideoStream, shift: Fraction
) -> Iterator[AnyPacket]:
    """Every segment's packets, in decode order, with the times of the whole."""
    begin = int(shift / index.time_base)
    pts = [value - begin for value in index.frames.decode()]
    durations = [b - a for a, b in pairwise(pts)] + [index.last_duration]
    decode_times = DecodeTimes(pts, min(durations), model.reorder)
    time_base = index.time_base
    for segment in segments:
        start = pts[segment.first]
        numbers = {value - start: n for n, value in enumerate(pts[segment.first : segment.last + 1], segment.first)}
        for packet, ticks in _segment_packets(segment, model, index):
            number = numbers.pop(ticks, None)
            if number is None:
                raise SegmentMismatch(f"{_named(segment)}: no frame is at {ticks} (time base {time_base})")
            packet.pts = pts[number]
            packet.dts = dts = decode_times.next(number)
            if dts > pts[number]:
                raise SegmentMismatch(
                    f"{_named(segment)}: frame {number} is reordered by more than {model.reorder} frames"
                )
            packet.duration = durations[number]
            packet.time_base = time_base
            packet.stream = video
            yield packet
        if numbers:
            first = min(numbers.values())
            raise SegmentMismatch(f"{_named(segment)}: it lacks {len(numbers)} frames, first {first}")


def _segment_packets(segment: Segment, model: _Model, index: VideoIndex) -> Iterator[tuple[AnyPacket, int]]:
    """The packets of one segment, with their pts in the source's time base."""
    with _opened(segment) as stream:
        if (stream.width, stream.height) != (model.width, model.height):
            raise SegmentMismatch(
                f"{_named(segment)}: {stream.width}x{stream.height}, the first is {model.width}x{model.height}"
            )
        if bytes(stream.codec_context.extradata or b"") != model.extradata:
            raise SegmentMismatch(
                f"{_named(segment)}: its codec parameters differ from the first segment's; "
                "score the chunk again with the same encoder settings and version"
            )
        scale = Fraction(stream.time_base.numerator, stream.time_base.denominator) / index.time_base
        numerator, denominator = scale.numerator, scale.denominator
        for packet in video_packets(cast(InputContainer, stream.container), stream):
            if packet.pts is None:
                raise SegmentMismatch(f"{_named(segment)}: a packet has no pts")
            # To the nearest tick, in whole numbers: a Fraction for each packet costs as much as muxing it.
            yield packet, (2 * packet.pts * numerator + denominator) // (2 * denominator)


def _mux(output: Any, packet: AnyPacket) -> None:
    try:
        output.mux_one(packet)
    except FFmpegError as error:
        if error.errno in DISK_FULL:
            raise  # no fault of the packet's
        raise StitchRefused(
            f"MP4 does not take a packet of output stream {packet.stream_index} at {packet.dts} "
            f"(time base {packet.time_base}): {error.strerror}"
        ) from error


def _check_result(out: Path, index: VideoIndex, report: StitchReport) -> None:
    base, found = index_of(out)
    # Both in the smallest ticks that hold them: comparing a million fractions takes seconds.
    ticks = lcm(base.denominator, index.time_base.denominator, report.shift.denominator)
    unit, step, shift = (int(value * ticks) for value in (base, index.time_base, report.shift))
    wanted = [pts * step - shift for pts in index.frames.decode()]
    if len(found) != len(wanted):
        raise StitchRefused(f"{out.name}: {len(found)} frames were written, the source has {len(wanted)}")
    for number, (pts, expected) in enumerate(zip(found, wanted, strict=True)):
        if pts * unit != expected:
            time, right = Fraction(pts * unit, ticks), Fraction(expected, ticks)
            raise StitchRefused(f"{out.name}: frame {number} is at {time} s, in the source at {right} s")


def _require_room(error: FFmpegError, out: Path) -> None:
    """Raises: OSError where libav stopped for want of room on the disk."""
    if error.errno in DISK_FULL:
        raise OSError(error.errno, error.strerror, str(out)) from error


def _decode_time(packet: AnyPacket) -> float:
    return float((packet.dts or 0) * packet.time_base.numerator / packet.time_base.denominator)


@contextmanager
def _opened(segment: Segment, *, may_decode: bool = False) -> Generator[VideoStream]:
    """The video stream of a segment; what its `open` gave is closed in the end, if it is a file.

    libav decodes a frame of whatever it opens, to learn what the container does not say (the decoder's delay). Of the
    first segment that is asked for; all others must be like it, and without a decoder they open five times as fast.
    """
    file = segment.open()
    try:
        with open_source(file, None if may_decode else NO_DECODER) as container:
            yield video_stream(container, name_of(file))
    except UnsupportedMedia as error:
        raise SegmentMismatch(f"{_named(segment)}: not a segment: {error}") from error
    finally:
        close = getattr(file, "close", None)
        if close is not None:
            close()


def _named(segment: Segment) -> str:
    return f"segment of {frame_range(range(segment.first, segment.last + 1))}"
