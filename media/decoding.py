"""Decoding a stream packet by packet: the one loop that the index and the reader share."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from media.packets import VideoPacket, is_presented, video_packets
from media.source import Source, name_of, open_source, video_stream

_HEAD_KEYFRAMES = 2  # groups of pictures that are compared with the packet list
_HEAD_PACKETS = 512  # and no more packets than this: some videos have a single keyframe


@dataclass
class Head:
    """The first groups of pictures: the pts their packets promise, and those of the frames that came out."""

    promised: list[int] = field(default_factory=list[int])
    decoded: list[int | None] = field(default_factory=list[int | None])
    first: VideoFrame | None = None


def use_threads(stream: VideoStream, threads: int | None) -> None:
    """`threads` decoder threads; None lets libav choose by the machine's cores.

    Each has a frame of its own: with several to a frame MPEG-2's decoder loses the flags of damaged ones. Codecs
    without threads by frame (MPEG-2 among them) get one.
    """
    stream.codec_context.thread_type = ThreadType.FRAME
    stream.codec_context.thread_count = threads or 0


def decode_packets(stream: VideoStream, packets: Iterator[VideoPacket]) -> Iterator[VideoFrame]:
    """Frames of `packets` in presentation order, then what the decoder held back.

    A packet that does not decode gives no frame and no error: callers compare what they get with the index.
    """
    for packet in packets:
        yield from _decode(stream, packet)
    yield from _decode(stream, None)


def decode_all(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    return decode_packets(stream, video_packets(container, stream))


def decode_head(source: Source) -> Head:
    head = Head()
    name = name_of(source)
    with open_source(source) as container:
        stream = video_stream(container, name)
        use_threads(stream, None)
        for frame in decode_packets(stream, _head_packets(container, stream, head)):
            head.first = head.first or frame
            head.decoded.append(frame.pts)
    head.promised.sort()
    return head


def count_frames(source: Source, limit: int) -> list[int | None]:
    """The pts of every frame, None where the container has none; stops after `limit` + 1 frames."""
    with open_source(source) as container:
        stream = video_stream(container, name_of(source))
        use_threads(stream, None)
        return [frame.pts for frame in islice(decode_all(container, stream), limit + 1)]


def _head_packets(container: InputContainer, stream: VideoStream, head: Head) -> Iterator[VideoPacket]:
    keyframes = 0
    for number, packet in enumerate(video_packets(container, stream)):
        keyframes += packet.is_keyframe
        if keyframes > _HEAD_KEYFRAMES or number == _HEAD_PACKETS:
            return
        if packet.pts is not None and is_presented(packet, stream.codec_context.codec.canonical_name):
            head.promised.append(packet.pts)
        yield packet


def _decode(stream: VideoStream, packet: VideoPacket | None) -> list[VideoFrame]:
    try:
        return cast(Any, stream).decode(packet)  # its stub is not fully typed
    except FFmpegError:
        return []
