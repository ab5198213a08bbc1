"""One pass over a video stream's packets, without decoding."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, cast

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from contracts.video_index import Keyframe
from media.seek_points import is_seek_point

# Aliases, because Packet cannot be subscripted at run time.
type AnyPacket = Packet[Any]
type VideoPacket = Packet[VideoStream]


@dataclass
class PacketList:
    """What a pass saw. `pts`: presented frames, sorted. `complete`: no pts was missing or doubled (else `problem`)."""

    time_base: Fraction
    pts: list[int] = field(default_factory=list[int])
    keyframes: list[Keyframe] = field(default_factory=list[Keyframe])
    complete: bool = True
    problem: str = ""
    last_duration: int = 0
    count: int = 0


def video_packets(container: InputContainer, stream: VideoStream) -> Iterator[VideoPacket]:
    """Every packet of `stream` with data, in decode order."""
    return cast(Iterator[VideoPacket], packets_of(container, stream))


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[AnyPacket]:
    """Every packet of `streams` with data. A demuxer's error ends the pass: what follows it cannot be reached."""
    packets = cast(Iterator[AnyPacket], container.demux(streams))
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            return
        if packet is None:
            return
        if packet.size:
            yield packet


def is_presented(packet: VideoPacket, codec: str) -> bool:
    """False for packets that decode to nothing shown: cut off by an edit list, or VP8's hidden reference frames."""
    if packet.is_discard:
        return False
    return codec != "vp8" or bool(bytes(packet)[0] & 0x10)  # RFC 6386, 9.1: show_frame is bit 4 of the frame tag


def list_packets(container: InputContainer, stream: VideoStream) -> PacketList:
    """Demux the whole stream. Memory: some tens of bytes per frame."""
    found = PacketList(time_base=Fraction(stream.time_base.numerator, stream.time_base.denominator))
    codec, extradata = stream.codec_context.codec.canonical_name, stream.codec_context.extradata
    last = None
    for packet in video_packets(container, stream):
        found.count += 1
        if packet.pts is None:
            found.complete, found.problem = False, "packets without a pts"
            continue
        if packet.is_keyframe and (codec != "h264" or not found.keyframes or is_seek_point(bytes(packet), extradata)):
            found.keyframes.append(Keyframe(pts=packet.pts, dts=packet.dts))
        if is_presented(packet, codec):
            found.pts.append(packet.pts)
            if last is None or packet.pts > last:
                last, found.last_duration = packet.pts, packet.duration or 0
    found.pts.sort()
    found.keyframes.sort(key=lambda keyframe: keyframe.pts)
    if found.complete and len(set(found.pts)) != len(found.pts):
        found.complete, found.problem = False, "two frames with the same pts"
    return found
