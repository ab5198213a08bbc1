"""Making the frame index of a video: demux everything, decode only the first two groups of pictures."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal, cast

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from contracts.frame_times import FrameTimes
from contracts.video_index import AudioStream, Color, Keyframe, VideoIndex
from media.decoding import Head, count_frames, decode_head
from media.errors import TruncatedMedia, UnsupportedMedia
from media.packets import PacketList, list_packets
from media.source import Source, name_of, open_source, size_of, video_stream

# Containers whose frames have no timestamps of their own: a constant rate is what they mean.
_ELEMENTARY = frozenset({"h264", "hevc", "m4v", "mjpeg", "mpegvideo", "obu", "vc1"})
_WITHOUT_TIMESTAMPS = _ELEMENTARY | {"avi", "yuv4mpegpipe", "dv"}
# Colour matrices that libswscale does not convert (AVColorSpace: YCgCo, BT.2020 constant luminance, SMPTE 2085,
# chromaticity-derived, ICtCp, IPT-C2, YCgCo-R).
_UNSUPPORTED_MATRICES = frozenset({8, *range(10, 18)})
_DISAGREES = "the decoder disagrees"


@dataclass(frozen=True)
class ProbeLimits:
    """What a probe accepts. Frames that have to be counted (`seek` "ordinal") are decoded to be indexed, so fewer."""

    max_frames: int = 2_000_000  # 18 hours at 30 frames a second
    max_pixels: int = 8192 * 4320
    max_counted_frames: int = 20_000


@dataclass(frozen=True)
class _Timing:
    """How the frames are found, and when they are shown."""

    seek: Literal["pts", "dts", "ordinal"]
    time_base: Fraction
    pts: list[int]
    last_duration: int
    keyframes: tuple[Keyframe, ...] = ()


_DEFAULT_LIMITS = ProbeLimits()


def probe(source: Source, *, limits: ProbeLimits = _DEFAULT_LIMITS) -> VideoIndex:
    """Index the first real video stream of `source`.

    Reads the whole file once (10 minutes of 1080p: 0.2 s from disk) and decodes its first two groups of pictures to
    check that frames are what the packets say. Where they are not (packed B-frames in AVI, raw H.264), every frame is
    decoded and counted once. Damage takes no frame out of an index made of packets; one that was counted is refused
    where the decoder tells of damage (of frames that a raw stream lost nothing tells).

    Raises:
        UnsupportedMedia: unreadable, no video, over a limit, or no trustworthy timestamps.
        TruncatedMedia: the file ends before what its own index names.
        OSError: the path cannot be read.
    """
    name = name_of(source)
    with open_source(source) as container:
        stream = video_stream(container, name)
        _check_stream(name, stream, limits)
        packets = list_packets(container, stream)
        if container.format.name.startswith("mov"):
            _check_truncation(name, source, stream, packets)
        described = _describe(container, stream)
    if not packets.count:
        raise UnsupportedMedia(f"{name}: the video stream holds no frames; the file was cut off or never finished")
    if packets.count > limits.max_frames:
        raise UnsupportedMedia(f"{name}: {packets.count} frames, over the limit of {limits.max_frames}; cut the video")
    head = decode_head(source)
    if head.first is None:
        raise UnsupportedMedia(f"{name}: none of the first frames decodes; re-encode the video")
    timing = _by_timestamps(packets, head, described) or _by_counting(source, packets, described, limits)
    return VideoIndex(
        **described,
        rotation=head.first.rotation,
        color=_color(head.first),
        time_base=timing.time_base,
        seek=timing.seek,
        frames=FrameTimes.encode(timing.pts),
        last_duration=timing.last_duration,
        keyframes=timing.keyframes,
    )


def _by_timestamps(packets: PacketList, head: Head, described: dict[str, Any]) -> _Timing | None:
    """The packets' own timestamps, if the decoder confirms them."""
    decoded = [pts for pts in head.decoded if pts is not None]
    if not packets.complete or not packets.keyframes or not decoded or len(decoded) != len(head.decoded):
        return None
    first = _first_shown(head, decoded, described["container"])
    promised = [pts for pts in head.promised if pts >= first]
    # What a damaged packet took away is no reason to doubt the others: its frames are missing, not unknown.
    damaged = head.damaged and described["container"] not in _WITHOUT_TIMESTAMPS
    if decoded != promised and not (damaged and _is_part(decoded, promised)):
        return None
    pts = [pts for pts in packets.pts if pts >= first]
    return _Timing(
        seek="dts" if described["container"] == "mpegts" else "pts",
        time_base=packets.time_base,
        pts=pts,
        last_duration=packets.last_duration or (pts[-1] - pts[-2] if len(pts) > 1 else 1),
        keyframes=tuple(packets.keyframes),
    )


def _first_shown(head: Head, decoded: list[int], container: str) -> int:
    """A recording that starts inside a group of pictures begins with frames that no decoder can show: left out.

    Decoders raise errors for those as they do for damaged ones. Only of transport streams is it known that they are
    recorded so; in a file that was made whole, frames that are missing at the start were damaged.
    """
    return min(decoded[0], head.promised[0]) if head.damaged and container != "mpegts" else decoded[0]


def _is_part(some: list[int], all_of_them: list[int]) -> bool:
    """Each once, in any order: around damage a decoder may give frames late."""
    return len(set(some)) == len(some) and set(some) <= set(all_of_them)


def _by_counting(source: Source, packets: PacketList, described: dict[str, Any], limits: ProbeLimits) -> _Timing:
    """Decode everything and count. Times are the decoder's where it has them, else the container's constant rate."""
    name = name_of(source)
    limit = limits.max_counted_frames
    remedy = "remux or re-encode it to MP4 or MKV"
    decoded, damaged = count_frames(source, limit)
    if len(decoded) > limit:
        raise UnsupportedMedia(
            f"{name}: its packets do not tell its frames apart ({packets.problem or _DISAGREES}), "
            f"and it has more than the {limit} frames that are counted by decoding; {remedy}"
        )
    if damaged:
        raise UnsupportedMedia(
            f"{name}: it is damaged, and its packets do not tell its frames apart ({packets.problem or _DISAGREES}): "
            f"nobody knows how many frames the damage took; {remedy}"
        )
    pts = [value for value in decoded if value is not None]
    if len(pts) == len(decoded) and all(a < b for a, b in pairwise(pts)):
        last = pts[-1] - pts[-2] if len(pts) > 1 else max(1, packets.last_duration)
        return _Timing("ordinal", packets.time_base, pts, last)
    rate: Fraction | None = described["average_rate"]
    if rate is None or described["container"] not in _WITHOUT_TIMESTAMPS:
        problem = packets.problem or "decoded frames whose times go back"
        raise UnsupportedMedia(f"{name}: {problem}, so that frames have no certain time; {remedy}")
    return _Timing("ordinal", 1 / rate, list(range(len(decoded))), 1)


def _check_stream(name: str, stream: VideoStream, limits: ProbeLimits) -> None:
    # The stub promises a context; a codec unknown to the build has none.
    if cast(Any, stream.codec_context) is None or stream.codec_context.pix_fmt is None:
        raise UnsupportedMedia(f"{name}: the codec of its video stream cannot be decoded here; re-encode it to H.264")
    width, height = stream.width, stream.height
    if width < 1 or height < 1:
        raise UnsupportedMedia(f"{name}: its video stream has no size; the file was cut off or never finished")
    if width * height > limits.max_pixels:
        raise UnsupportedMedia(
            f"{name}: {width}x{height} is over the limit of {limits.max_pixels} pixels a frame; scale the video down"
        )
    for audio in stream.container.streams.audio:
        if cast(Any, audio.codec_context) is None:
            raise UnsupportedMedia(
                f"{name}: the codec of audio stream {audio.index} is not known here, so that it could not be kept; "
                "remove the track or re-encode it to AAC"
            )
    if stream.codec_context.colorspace in _UNSUPPORTED_MATRICES:
        raise UnsupportedMedia(
            f"{name}: colour matrix {stream.codec_context.colorspace} (AVColorSpace) is not supported; "
            "convert the video to BT.709 or BT.2020 non-constant luminance"
        )


def _check_truncation(name: str, source: Source, stream: VideoStream, packets: PacketList) -> None:
    """MP4 and MOV list every packet and its place: what a copy lost is known, and never taken for the end."""
    entries = [entry for entry in stream.index_entries if entry.size]
    end = max((entry.pos + entry.size for entry in entries), default=0)
    size = size_of(source)
    if end > size or packets.count < len(entries):
        raise TruncatedMedia(
            f"{name}: cut short: its index lists {len(entries)} packets up to byte {end}, the file ends at {size} and "
            f"{packets.count} could be read; upload it again, or remux it to keep what is there"
        )


def _describe(container: InputContainer, stream: VideoStream) -> dict[str, Any]:
    codec = stream.codec_context
    rates = (stream.average_rate, stream.guessed_rate)
    if container.format.name in _ELEMENTARY:
        rates = rates[::-1]  # the demuxer's own is a constant, 25; the codec's may be known
    return {
        "container": container.format.name,
        "codec": codec.codec.canonical_name,
        "stream_index": stream.index,
        "width": stream.width,
        "height": stream.height,
        "pix_fmt": codec.pix_fmt,
        "average_rate": _fraction(rates[0]) or _fraction(rates[1]),
        "sample_aspect_ratio": _fraction(stream.sample_aspect_ratio),
        "audio": tuple(
            AudioStream(
                index=audio.index,
                codec=audio.codec_context.codec.canonical_name,
                sample_rate=audio.sample_rate,
                channels=audio.channels,
                language=audio.language,
            )
            for audio in container.streams.audio
        ),
    }


def _color(frame: VideoFrame) -> Color:
    """As the decoder says: the container's word on the range was seen to be wrong (full-range H.264 called limited)."""
    return Color(primaries=frame.color_primaries, trc=frame.color_trc, space=frame.colorspace, range=frame.color_range)


def _fraction(value: Any) -> Fraction | None:
    return Fraction(value.numerator, value.denominator) if value and value.numerator > 0 else None
