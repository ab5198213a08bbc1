"""Which frames of a range can be decoded whole: a few passes over it, however many are damaged."""

from collections.abc import Sequence
from contextlib import closing
from itertools import islice

from contracts.frame_runs import FrameRun, runs_of
from contracts.video_index import VideoIndex
from media.decoding import use_threads
from media.packets import video_packets
from media.reader import Start, decode_from, starts_for, wanted_times
from media.source import Source, name_of, open_source, video_stream
from media.wholeness import counted_frames

# pts of each frame that is not whole -> the packet that spoils it, None where that is not known
type Bad = dict[int, int | None]


def bad_frames(source: Source, index: VideoIndex, first: int, last: int) -> tuple[FrameRun, ...]:
    """The runs of frames `first`..`last` that `read_frames` does not deliver; it delivers every other one.

    Decodes the range with one thread from the starting points that `read_frames` would try, until two of them agree on
    every frame: two passes as a rule, four at most, one of them from the start of the video only where seeking tells
    nothing.

    Raises:
        ValueError: the range is empty or outside `index`.
        UnsupportedMedia: `source` cannot be opened.
    """
    want = wanted_times(index, first, last)
    if index.seek == "ordinal":
        return _bad_counted(source, range(first, last + 1))
    bad: Bad = dict.fromkeys(want)
    for start in starts_for(index, want[0]):
        found = _pass(source, index, start, want)
        before, bad = bad, {pts: found[pts] for pts in bad if pts in found}
        if all(culprit is not None and before[pts] == culprit for pts, culprit in bad.items()):
            break
    number = {pts: first + place for place, pts in enumerate(want)}
    return runs_of(number[pts] for pts in bad)


def _pass(source: Source, index: VideoIndex, start: Start, want: Sequence[int]) -> Bad:
    bad: Bad = dict.fromkeys(want)
    with closing(decode_from(source, index, start)) as verdicts:
        for verdict in verdicts:
            if verdict.pts > want[-1]:
                break
            if verdict.pts in bad:
                if verdict.culprit is None:
                    del bad[verdict.pts]
                else:
                    bad[verdict.pts] = verdict.culprit
    return bad


def _bad_counted(source: Source, wanted: range) -> tuple[FrameRun, ...]:
    """Where frames are counted, one that was not delivered has no number: only those after it can be bad."""
    with open_source(source) as container:
        stream = video_stream(container, name_of(source))
        use_threads(stream, 1)
        counted = islice(counted_frames(stream, video_packets(container, stream)), wanted.start, wanted.stop)
        whole = {number for number, (_, is_whole) in zip(wanted, counted, strict=False) if is_whole}
    return runs_of(number for number in wanted if number not in whole)
