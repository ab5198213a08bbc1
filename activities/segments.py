"""Finished segments in storage: checked frame by frame, and the outcome recorded for each chunk.

A segment is written once, with its frames and hash as metadata, so storage itself tells which work is done: a rerun,
a lost result message or a late duplicate all come to the same answer.
"""

from typing import Any

from activities.storage import system_account
from contracts import layout
from contracts.ledger import ChunkOutcome
from contracts.messages import GpuResult
from contracts.plan import Chunk
from contracts.video_index import VideoIndex
from media.errors import MediaError
from media.ranged import RangedReader
from media.segment import check_segment


class WrongSegment(Exception):
    """A segment is not what its chunk needs; the message says why."""


def find_outcome(job: str, chunk: Chunk) -> ChunkOutcome | None:
    """The outcome of a chunk that some attempt of some run has finished, or None."""
    system = system_account()
    recorded = system.find_json(layout.JOBS, layout.outcome_blob(job, chunk.index), ChunkOutcome)
    if recorded and system.exists(layout.JOBS, recorded.segment):
        return recorded
    names = system.container(layout.JOBS).list_blob_names(name_starts_with=layout.segment_prefix(job, chunk.index))
    for name in names:
        try:
            return read_outcome(job, chunk, name)
        except WrongSegment:
            continue  # left by an attempt that went wrong; the chunk is scored again
    return None


def read_outcome(job: str, chunk: Chunk, segment: str) -> ChunkOutcome:
    """The outcome that `segment` stands for, after demuxing it: just the chunk's frames, at their times.

    Raises:
        WrongSegment: it does not exist, or holds something else.
    """
    properties = system_account().find_properties(layout.JOBS, segment)
    if properties is None:
        raise WrongSegment(f"segment {segment} does not exist")
    _check_frames(job, chunk, segment, properties.size)
    return _outcome(chunk, segment, properties.size, properties.metadata)


def record(job: str, outcome: ChunkOutcome, result: GpuResult | None = None) -> None:
    """Write the chunk's outcome, with what its task said of time and device."""
    said = {"seconds": result.seconds, "device": result.device} if result else {}
    outcome = outcome.model_copy(update=said)
    system_account().write_json(layout.JOBS, layout.outcome_blob(job, outcome.chunk), outcome)


def _check_frames(job: str, chunk: Chunk, segment: str, size: int) -> None:
    blob = system_account().container(layout.JOBS).get_blob_client(segment)
    index = system_account().read_json(layout.JOBS, layout.index_blob(job), VideoIndex)
    reader = RangedReader(lambda offset, length: blob.download_blob(offset, length).readall(), size, name=segment)
    try:
        with reader as source:
            check_segment(source, index, chunk.first, chunk.last)
    except MediaError as error:
        raise WrongSegment(str(error)) from error


def _outcome(chunk: Chunk, segment: str, size: int, metadata: dict[str, Any]) -> ChunkOutcome:
    missing = [key for key in ("task", "sha256") if key not in metadata]
    if missing:
        raise WrongSegment(f"segment {segment} lacks the metadata {', '.join(missing)} that every task writes")
    task = metadata["task"]
    return ChunkOutcome(
        chunk=chunk.index,
        first=chunk.first,
        last=chunk.last,
        attempt=int(task.rsplit("-a", 1)[1]),
        task=task,
        segment=segment,
        segment_sha256=metadata["sha256"],
        segment_bytes=size,
    )
