"""Decoding exactly the frames of a chunk, from any seekable source. Damaged frames are never delivered: see
`media.wholeness` for what is found, and `media.survey` for which frames of a range can be had."""

from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice

from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from contracts.video_index import Keyframe, VideoIndex
from media.decoding import use_threads
from media.errors import FramesMissing
from media.packets import VideoPacket, video_packets
from media.source import Source, name_of, open_source, video_stream
from media.wholeness import TELLING_WITH_THREADS, Known, Verdict, counted_frames, judged_frames

# How many keyframes before the nearest one are tried, in turn, before decoding from the start: a frame after an
# open group of pictures or an intra refresh may need an earlier beginning than its container says.
_STEPS_BACK = (0, 1, 3)


@dataclass(frozen=True)
class Start:
    """Where decoding begins: at `keyframe`, or at the start of the stream if None. `exact`: with one thread, which is
    slower and the last word on a damaged stream."""

    keyframe: Keyframe | None
    exact: bool = True


def read_frames(
    source: Source, index: VideoIndex, first: int, last: int, *, threads: int | None = None
) -> Generator[VideoFrame]:
    """Yield frames `first`..`last` (inclusive, numbered as in the source) exactly once each, in order.

    `index` is the source's index or a window of it. Frames are as decoded: unrotated, with pts and time base as in
    `index`. Only the frame being yielded and the few that it may be predicted from are in memory. `threads` None: as
    many as cores, for codecs that can be trusted with several (see `media.wholeness.TELLING_WITH_THREADS`).

    Raises:
        ValueError: the range is empty or outside `index`.
        FramesMissing: a frame does not decode whole by any route; those before it have been yielded.
        UnsupportedMedia: `source` cannot be opened.
    """
    want = wanted_times(index, first, last)
    if index.seek == "ordinal":
        return _read_counted(source, index, first, want, threads)
    return _read_sought(source, index, first, want, threads)


def wanted_times(index: VideoIndex, first: int, last: int) -> Sequence[int]:
    """The pts of frames `first`..`last`.

    Raises:
        ValueError: the range is empty or outside `index`.
    """
    begin, end = first - index.first_frame, last - index.first_frame
    if not 0 <= begin <= end < index.frame_count:
        held = f"{index.first_frame}..{index.first_frame + index.frame_count - 1}"
        raise ValueError(f"frames {first}..{last} are outside this index, which holds {held}")
    return index.frames.decode()[begin : end + 1]


def starts_for(index: VideoIndex, pts: int) -> list[Start]:
    """Where to begin for the frame at `pts`, nearest first."""
    nearest = bisect_right(index.keyframes, pts, key=lambda keyframe: keyframe.pts) - 1
    return [*(Start(index.keyframes[nearest - back]) for back in _STEPS_BACK if nearest >= back), Start(None)]


def decode_from(source: Source, index: VideoIndex, start: Start, threads: int | None = None) -> Generator[Verdict]:
    """A verdict per frame from `start` to the end of the stream, in order of presentation; none where it cannot be
    sought."""
    with open_source(source) as container:
        stream = video_stream(container, name_of(source))
        use_threads(stream, 1 if start.exact else threads)
        packets = _packets_from(container, stream, index, start.keyframe)
        known = _known(index, start.keyframe)
        yield from judged_frames(stream, packets, known, sought=start.keyframe is not None)


def _known(index: VideoIndex, start: Keyframe | None) -> Known:
    # The first keyframe of all is no seek point for certain: an H.264 recording may begin anywhere.
    certain = index.keyframes if index.codec != "h264" else index.keyframes[1:]
    keyframes = frozenset(keyframe.pts for keyframe in (*certain, start) if keyframe is not None)
    # MP4 lists its packets; a transport stream is searched for them.
    return Known(keyframes, index.frames.decode() if index.seek == "dts" else ())


def _read_counted(
    source: Source, index: VideoIndex, first: int, want: Sequence[int], threads: int | None
) -> Generator[VideoFrame]:
    """Decode from the very first frame and count."""
    got = 0
    with open_source(source) as container:
        stream = video_stream(container, name_of(source))
        use_threads(stream, threads if index.codec in TELLING_WITH_THREADS else 1)
        counted = counted_frames(stream, video_packets(container, stream))
        for (frame, whole), pts in zip(islice(counted, first, None), want, strict=False):
            if not whole:
                break
            frame.pts = pts
            frame.time_base = index.time_base
            yield frame
            got += 1
            if got == len(want):
                return
        raise FramesMissing(name_of(source), range(first, first + len(want)), got)


def _read_sought(
    source: Source, index: VideoIndex, first: int, want: Sequence[int], threads: int | None
) -> Generator[VideoFrame]:
    """Climb the ladder of starting points; a retry goes on from the first frame that has not been yielded."""
    got = 0
    ladder = _ladder(index, want[0], threads)
    culprits: list[int | None] = []
    while got < len(want):
        # Two starting points that agree on which packet is damaged are not wrong about where they start.
        if not ladder or agree(culprits):
            raise FramesMissing(name_of(source), range(first, first + len(want)), got)
        start = ladder.pop(0)
        before = got
        with closing(decode_from(source, index, start, threads)) as verdicts:
            picked = _InOrder(verdicts, want[got:])
            for frame in picked:
                got += 1
                yield frame
        if before < got < len(want):
            # The next missing frame has a ladder of its own; the rung that just failed for it is not on it.
            ladder = [rung for rung in _ladder(index, want[got], threads) if rung != start]
            culprits = []
        if start.exact:
            culprits.append(picked.culprit)


def agree(culprits: Sequence[int | None]) -> bool:
    """Whether the last of `culprits`, one per starting point, was named by an earlier one too."""
    return bool(culprits) and culprits[-1] is not None and culprits[-1] in culprits[:-1]


def _ladder(index: VideoIndex, pts: int, threads: int | None) -> list[Start]:
    """`starts_for`, and before them the nearest with several threads where those tell as much of damage."""
    exact = starts_for(index, pts)
    quick = threads != 1 and index.codec in TELLING_WITH_THREADS
    return [replace(exact[0], exact=False), *exact] if quick else exact


def _packets_from(
    container: InputContainer, stream: VideoStream, index: VideoIndex, start: Keyframe | None
) -> Iterator[VideoPacket]:
    """Packets from `start` on; none where the container cannot be sought there."""
    if start is None:
        yield from video_packets(container, stream)
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
        yield head
        yield from packets


class _InOrder(Iterator[VideoFrame]):
    """Picks `want` out of `verdicts`, up to the first frame that is missing or not whole; then `culprit` says why."""

    def __init__(self, verdicts: Iterator[Verdict], want: Sequence[int]) -> None:
        self.culprit: int | None = None
        self._verdicts = verdicts
        self._want = iter(want)

    def __next__(self) -> VideoFrame:
        wanted = next(self._want)
        for verdict in self._verdicts:
            if verdict.pts < wanted:
                continue
            if verdict.pts == wanted and verdict.culprit is None and verdict.frame is not None:
                return verdict.frame
            self.culprit = verdict.culprit if verdict.pts == wanted else None
            break
        raise StopIteration
