"""Damaged frames as a player would show them: with whatever the decoder makes of them."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice

from av.video.frame import VideoFrame

from contracts.video_index import VideoIndex
from media.decoding import decode_all, use_threads
from media.reader import decode_from, starts_for, wanted_times
from media.source import Source, name_of, open_source, video_stream


def read_leniently(source: Source, index: VideoIndex, first: int, last: int) -> Iterator[tuple[int, VideoFrame]]:
    """Those of frames `first`..`last` that the decoder delivers at all, concealed or wrongly predicted ones too, each
    with its number, in order. Arguments and errors as `media.reader.read_frames`, but for frames that are missing.
    """
    want = wanted_times(index, first, last)
    if index.seek == "ordinal":
        yield from _counted(source, first, last)
        return
    number = {pts: first + place for place, pts in enumerate(want)}
    # From a keyframe earlier than need be: what is missing in a picture is taken from the one before it.
    starts = starts_for(index, want[0])
    with closing(decode_from(source, index, starts[1] if len(starts) > 2 else starts[0])) as verdicts:
        for verdict in verdicts:
            if verdict.pts > want[-1]:
                return
            if verdict.pts in number and verdict.frame is not None:
                yield number[verdict.pts], verdict.frame


def _counted(source: Source, first: int, last: int) -> Iterator[tuple[int, VideoFrame]]:
    with open_source(source) as container:
        stream = video_stream(container, name_of(source))
        use_threads(stream, 1)
        yield from enumerate(islice(decode_all(container, stream), first, last + 1), first)
