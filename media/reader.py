"""Decoding exactly the frames of a chunk, from any seekable source."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from contracts.video_index import Keyframe, VideoIndex
from media.decoding import decode_all, decode_packets, use_threads
from media.errors import FramesMissing
from media.packets import VideoPacket, video_packets
from media.source import Source, name_of, open_source, video_stream

# How many keyframes before the nearest one are tried, in turn, before decoding from the start: a frame after an
# open group of pictures or an intra refresh may need an earlier beginning than its container says.
_STEPS_BACK = (0, 1, 3)
# The largest decoded picture buffer of H.264 and HEVC: a frame can come at most this many frames late.
_MAX_LATE = 16


def read_frames(
    source: Source, index: VideoIndex, first: int, last: int, *, threads: int | None = None
) -> Iterator[VideoFrame]:
    """Yield frames `first`..`last` (inclusive, numbered as in the source) exactly once each, in order.

    `index` is the source's index or a window of it. Frames are as decoded: unrotated, with pts and time base as in
    `index`. Only the frame being yielded and the decoder's own few are in memory. `threads` None: as many as cores.

    Raises:
        ValueError: the range is empty or outside `index`.
        FramesMissing: a frame does not decode by any route; those before it have been yielded.
        UnsupportedMedia: `source` cannot be opened.
    """
    begin, end = first - index.first_frame, last - index.first_frame
    if not 0 <= begin <= end < index.frame_count:
        held = f"{index.first_frame}..{index.first_frame + index.frame_count - 1}"
        raise ValueError(f"frames {first}..{last} are outside this index, which holds {held}")
    want = index.frames.decode()[begin : end + 1]
    if index.seek == "ordinal":
        return _read_counted(source, index, first, want, threads)
    return _read_sought(source, index, first, want, threads)


def _read_counted(
    source: Source, index: VideoIndex, first: int, want: Sequence[int], threads: int | None
) -> Iterator[VideoFrame]:
    """Decode from the very first frame and count."""
    got = 0
    with open_source(source) as container:
        stream = video_stream(container, name_of(source))
        use_threads(stream, threads)
        for frame, pts in zip(islice(decode_all(container, stream), first, None), want, strict=False):
            frame.pts = pts
            frame.time_base = index.time_base
            yield frame
            got += 1
            if got == len(want):
                return
        raise FramesMissing(name_of(source), range(first, first + len(want)), got)


def _read_sought(
    source: Source, index: VideoIndex, first: int, want: Sequence[int], threads: int | None
) -> Iterator[VideoFrame]:
    """Climb the ladder of starting points; a retry goes on from the first frame that has not been yielded."""
    got = 0
    ladder = _ladder(index, want[0])
    while got < len(want):
        if not ladder:
            raise FramesMissing(name_of(source), range(first, first + len(want)), got)
        start = ladder.pop(0)
        before = got
        for frame in _read_from(source, index, start, want[got:], threads):
            yield frame
            got += 1
        if before < got < len(want):
            # The next missing frame has a ladder of its own; the rungs that just failed for it are not on it.
            ladder = [rung for rung in _ladder(index, want[got]) if rung != start]


def _ladder(index: VideoIndex, pts: int) -> list[Keyframe | None]:
    """Starting points for the frame at `pts`, nearest first; None is the start of the stream."""
    nearest = bisect_right(index.keyframes, pts, key=lambda keyframe: keyframe.pts) - 1
    return [*(index.keyframes[nearest - back] for back in _STEPS_BACK if nearest >= back), None]


def _read_from(
    source: Source, index: VideoIndex, start: Keyframe | None, want: Sequence[int], threads: int | None
) -> Iterator[VideoFrame]:
    """Yield `want`'s frames, in order, as far as decoding from `start` delivers them."""
    with open_source(source) as container:
        stream = video_stream(container, name_of(source))
        # From the start with one thread is the reference: the last word on a damaged stream.
        use_threads(stream, 1 if start is None else threads)
        yield from _in_order(_decode_from(container, stream, index, start), want, strict=start is not None)


def _decode_from(
    container: InputContainer, stream: VideoStream, index: VideoIndex, start: Keyframe | None
) -> Iterator[VideoFrame]:
    if start is None:
        yield from decode_all(container, stream)
        return
    # By dts an MP4 lands a group of pictures early; by pts a transport stream lands late.
    target = start.dts if index.seek == "dts" and start.dts is not None else start.pts
    try:
        container.seek(target, stream=stream, backward=True)
    except FFmpegError:
        return  # not seekable here: the next rung
    packets = video_packets(container, stream)
    head = next(packets, None)
    if head is not None and head.is_keyframe and head.pts is not None and head.pts <= start.pts:
        yield from decode_packets(stream, _chain(head, packets))


def _chain(head: VideoPacket, rest: Iterator[VideoPacket]) -> Iterator[VideoPacket]:
    yield head
    yield from rest


def _in_order(frames: Iterator[VideoFrame], want: Sequence[int], *, strict: bool) -> Iterator[VideoFrame]:
    """Pick `want` out of `frames`, up to the first that is missing or, if `strict`, that the decoder calls corrupt."""
    wanted = set(want)
    late: dict[int, VideoFrame] = {}
    position = 0
    for frame in frames:
        if frame.pts not in wanted or frame.pts < want[position] or (strict and frame.is_corrupt):
            continue
        late[frame.pts] = frame
        while position < len(want) and want[position] in late:
            yield late.pop(want[position])
            position += 1
        if position == len(want) or len(late) > _MAX_LATE:
            return
