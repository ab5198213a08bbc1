"""The plan of a job that scores only a range: all other frames are taken from the result of an earlier job, its base.

Chunks to reuse follow the segments that the base was made of: there its groups of pictures begin, so that their
packets can be copied. What they cost is left out of the expected time and cost: no GPU is used for them.
"""

import math
import tempfile
from collections.abc import Sequence
from itertools import batched, groupby
from pathlib import Path

from activities.published import REMEDY, NoBase, read_published
from activities.refusal import JobRefused
from activities.reuse import encoder_settings, open_result
from activities.storage import data_account, system_account
from contracts import frame_runs, layout
from contracts.base_result import BaseResult
from contracts.frame_runs import FrameRun
from contracts.job import JobRequest, StartInput
from contracts.layout import VIDEO_NAME
from contracts.ledger import Ledger
from contracts.plan import Chunk, Plan
from contracts.video_index import VideoIndex
from media.errors import MediaError
from media.extract import Result, check_encoder
from media.frames import output_size
from media.index import probe


def scored_part(request: JobRequest, index: VideoIndex) -> VideoIndex:
    """The part of the video that is cut into chunks to be scored: all of it, or the frames that the request names."""
    return index if request.frames is None else index.window(*request.frames)


def completed(start: StartInput, index: VideoIndex, scored: Plan, max_chunks: int) -> Plan:
    """`scored`, a plan of the scored part alone, with the chunks to be reused around it; the base is pinned.

    Where that makes more than `max_chunks`, neighbours that are reused become one chunk.

    Raises:
        JobRefused: the base is gone, or its packets do not fit this job's.
    """
    request = start.request
    if request.frames is None or request.base is None:
        return scored
    base = _pin(start, request.base, index)
    system_account().write_json(layout.JOBS, layout.base_blob(start.job), base)
    first, last = request.frames
    segments = segments_of(base.ledger)
    before = frame_runs.within(segments, 0, first - 1)
    after = frame_runs.within(segments, last + 1, index.frame_count - 1)
    # Two less: each side may end with a chunk of fewer segments than the others have.
    together = math.ceil((len(before) + len(after)) / max(1, max_chunks - len(scored.chunks) - 2))
    middle = [_moved(chunk, first, scored.figures.warm_up) for chunk in scored.chunks]
    ordered = [*_reused(before, together), *middle, *_reused(after, together)]
    chunks = [c.model_copy(update={"index": number}) for number, c in enumerate(ordered)]
    return Plan(
        frame_count=index.frame_count,
        chunks=tuple(chunks),
        figures=scored.figures,
        expected_seconds=scored.expected_seconds,
        expected_cost=scored.expected_cost,
        execution=scored.execution,
    )


def _moved(chunk: Chunk, by: int, warm_up: int) -> Chunk:
    first = chunk.first + by
    return chunk.model_copy(update={"first": first, "last": chunk.last + by, "warm_up": min(warm_up, first)})


def segments_of(ledger: Ledger) -> list[FrameRun]:
    """The frames of each segment that a result was made of: a task wrote one."""
    tasks = (list(entries) for _, entries in groupby(ledger.entries, key=lambda entry: (entry.chunk, entry.task)))
    return [(entries[0].first, entries[-1].last) for entries in tasks]


def _reused(segments: Sequence[FrameRun], together: int) -> list[Chunk]:
    """Chunks of up to `together` neighbours each; they are numbered later."""
    groups = batched(segments, together, strict=False) if segments else ()
    return [Chunk(index=0, first=group[0][0], last=group[-1][1], reuse=True) for group in groups]


def _pin(start: StartInput, base: str, index: VideoIndex) -> BaseResult:
    """The base as it is now, after everything that can be checked before anything is scored.

    Raises:
        JobRefused
    """
    try:
        _, ledger = read_published(base)
    except NoBase as error:
        raise JobRefused(f"base {base}: {error}") from None
    output = layout.output_blob(base, VIDEO_NAME)
    properties = data_account().find_properties(layout.OUTPUTS, output)
    if properties is None:
        raise JobRefused(f"base {base}: its video outputs/{output} was deleted; {REMEDY}")
    etag, size = str(properties.etag), int(properties.size)
    try:
        with open_result(output, etag, size) as file:
            result = Result(file, probe(file))
            _check(start, base, result, index)
    except MediaError as error:
        raise JobRefused(f"base {base}: its video cannot be reused: {error}") from error
    return BaseResult(base=base, output=output, etag=etag, size=size, index=result.index, ledger=ledger)


def _check(start: StartInput, base: str, result: Result, index: VideoIndex) -> None:
    found, wanted = (result.index.width, result.index.height), output_size(index, start.request.options.max_dimension)
    if found != wanted:
        raise JobRefused(
            f"base {base}: its video is {found[0]}x{found[1]}, this job's would be {wanted[0]}x{wanted[1]}; "
            "give the max_dimension that it was made with"
        )
    if result.index.frame_count != index.frame_count:
        raise JobRefused(
            f"base {base}: its video has {result.index.frame_count} frames, the source {index.frame_count}; {REMEDY}"
        )
    with tempfile.TemporaryDirectory(prefix="base-") as folder:
        check_encoder(result, index, Path(folder) / "header.mp4", encoder_settings())
