"""Decoding a stream packet by packet: the one loop that the index and the reader share."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
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
    """The first groups of pictures: the pts their packets promise, and those of the frames that came out.

    `damaged`: the decoder raised an error, or flagged a frame.
    """

    promised: list[int] = field(default_factory=list[int])
    decoded: list[int | None] = field(default_factory=list[int | None])
    first: VideoFrame | None = None
    damaged: bool = False


def use_threads(stream: VideoStream, threads: int | None) -> None:
    """`threads` decoder threads; None lets libav choose by the machine's cores.

    Each has a frame of its own: with several to a frame MPEG-2's decoder loses the flags of damaged ones. Codecs
    without threads by frame (MPEG-2 among them) get one.
    """
    stream.codec_context.thread_type = ThreadType.FRAME
    stream.codec_context.thread_count = threads or 0


def decode_all(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames in presentation order, those that the decoder held back last.

    A packet that does not decode gives no frame and no error: callers compare what they get with the index.
    """
    for packet in chain(video_packets(container, stream), (None,)):
        yield from try_decode(stream, packet)[0]


def decode_head(source: Source) -> Head:
    head = Head()
    name = name_of(source)
    with open_source(source) as container:
        stream = video_stream(container, name)
        use_threads(stream, None)
        for packet in chain(_head_packets(container, stream, head), (None,)):
            frames, failed = try_decode(stream, packet)
            head.damaged = head.damaged or failed or any(frame.is_corrupt for frame in frames)
            for frame in frames:
                head.first = head.first or frame
                head.decoded.append(frame.pts)
    head.promised.sort()
    return head


def count_frames(source: Source, limit: int) -> tuple[list[int | None], bool]:
    """The pts of every frame, None where the container has none, and whether the decoder told of damage after the
    first of them; stops soon after `limit` frames."""
    found: list[int | None] = []
    damaged = False
    with open_source(source) as container:
        stream = video_stream(container, name_of(source))
        use_threads(stream, None)
        for packet in chain(video_packets(container, stream), (None,)):
            frames, failed = try_decode(stream, packet)
            damaged = damaged or (bool(found) and (failed or any(frame.is_corrupt for frame in frames)))
            found += [frame.pts for frame in frames]
            if len(found) > limit:
                break
    return found, damaged


def _head_packets(container: InputContainer, stream: VideoStream, head: Head) -> Iterator[VideoPacket]:
    keyframes = 0
    for number, packet in enumerate(video_packets(container, stream)):
        keyframes += packet.is_keyframe
        if keyframes > _HEAD_KEYFRAMES or number == _HEAD_PACKETS:
            return
        if packet.pts is not None and is_presented(packet, stream.codec_context.codec.canonical_name):
            head.promised.append(packet.pts)
        yield packet


def try_decode(stream: VideoStream, packet: VideoPacket | None) -> tuple[list[VideoFrame], bool]:
    """The frames that `packet` (None: the end) makes the decoder give, and whether it raised an error."""
    try:
        return cast(Any, stream).decode(packet), False  # its stub is not fully typed
    except FFmpegError:
        return [], True
