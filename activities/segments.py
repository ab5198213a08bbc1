"""Finished segments in storage: checked frame by frame, and the outcome recorded for each chunk or piece of one.

A segment is written once, with its frames and hash as metadata, so storage itself tells which work is done: a rerun,
a lost result message or a late duplicate all come to the same answer.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobClient

from activities import job_files
from activities.storage import system_account
from contracts import frame_runs, layout
from contracts.frame_runs import FrameRun
from contracts.ledger import BadRun, ChunkOutcome
from contracts.messages import GpuResult
from contracts.plan import Chunk
from media.errors import MediaError
from media.ranged import RangedReader
from media.segment import check_segment

# Small JSON reads are all latency; 16 at once reads 1,000 outcomes in about a second against Azurite.
READERS = 16
# Of a segment, read in one request with its properties: all of it, most of the time.
FIRST_BYTES = 1 << 20
NO_SUCH_RANGE = 416  # what storage answers to any range of an empty blob
# Said of frames of a segment whose task's own words were lost.
REASON_LOST = "it could not be scored; the log of its task says why"


class WrongSegment(Exception):
    """A segment is not what its chunk needs; the message says why."""


@dataclass(frozen=True)
class Work:
    """Part of a chunk that one segment holds; `span` is all of the chunk where `piece` is None.

    `replaced` are the frames that may stand unscored in its segment, None where any may; `reason` says why.
    """

    chunk: int
    span: FrameRun
    piece: FrameRun | None = None
    replaced: tuple[FrameRun, ...] | None = ()
    reason: str = REASON_LOST

    @staticmethod
    def of(chunk: Chunk, span: FrameRun | None, may_replace: bool = False) -> "Work":
        whole = (chunk.first, chunk.last)
        piece = None if span in (None, whole) else span
        return Work(chunk.index, span or whole, piece, None if may_replace else ())


def find_outcomes(job: str, chunk: Chunk, span: FrameRun, may_replace: bool) -> list[ChunkOutcome]:
    """What attempts of this or an earlier run have finished of frames `span` of the chunk, in frame order.

    Segments that nobody recorded (their result was lost, or the run ended) are checked and recorded here.
    """
    known = [o for o in read_outcomes(job, chunk.index) if span[0] <= o.first and o.last <= span[1]]
    for name, held in _unrecorded(job, chunk, known):
        missing = frame_runs.without(span, [(o.first, o.last) for o in known])
        if not any(first <= held[0] and held[1] <= last for first, last in missing):
            continue
        try:
            outcome = read_outcome(job, Work.of(chunk, held, may_replace), name)
        except WrongSegment:
            continue  # left by an attempt that went wrong; its frames are scored again
        record(job, outcome)
        known.append(outcome)
    return sorted(known, key=lambda outcome: outcome.first)


def read_outcomes(job: str, chunk: int | None = None) -> list[ChunkOutcome]:
    """The recorded outcomes of a job or a chunk whose segments are still there, in frame order."""
    container = system_account().container(layout.JOBS)
    names = list(container.list_blob_names(name_starts_with=layout.outcome_prefix(job, chunk)))
    sizes = {blob.name: blob.size for blob in container.list_blobs(name_starts_with=layout.segment_prefix(job, chunk))}
    with ThreadPoolExecutor(READERS) as readers:
        found = readers.map(lambda name: system_account().find_json(layout.JOBS, name, ChunkOutcome), names)
        outcomes = [o for o in found if o is not None and sizes.get(o.segment) == o.segment_bytes]
    return _widest(outcomes)


def read_outcome(job: str, work: Work, segment: str) -> ChunkOutcome:
    """The outcome that `segment` stands for, after demuxing it: just the work's frames, at their times.

    Raises:
        WrongSegment: it does not exist, or holds something else.
    """
    blob = system_account().container(layout.JOBS).get_blob_client(segment)
    try:
        found = blob.download_blob(0, FIRST_BYTES)
    except ResourceNotFoundError as error:
        raise WrongSegment(f"segment {segment} does not exist") from error
    except HttpResponseError as error:
        if error.status_code != NO_SUCH_RANGE:
            raise
        raise WrongSegment(f"segment {segment} is empty") from error
    size = int(str(found.properties.content_range).rpartition("/")[2])  # its `size` is that of what was read
    _check_frames(job, work, blob, found.readall(), size)
    return _outcome(work, segment, size, found.properties.metadata)


def record(job: str, outcome: ChunkOutcome, result: GpuResult | None = None) -> None:
    """Write the outcome, with what its task said of time and device."""
    said = {"seconds": result.seconds, "device": result.device} if result else {}
    outcome = outcome.model_copy(update=said)
    # Metadata can be listed: so progress costs no read of each outcome.
    listed = {"frames": str(outcome.last - outcome.first + 1)}
    if result:
        listed |= {"seconds": f"{result.seconds.total:.3f}", "segment": outcome.segment}
    system_account().write_json(layout.JOBS, layout.outcome_blob(job, outcome.chunk, outcome.piece), outcome, listed)


def _unrecorded(job: str, chunk: Chunk, known: list[ChunkOutcome]) -> list[tuple[str, FrameRun]]:
    """(name, frames it says it holds) of the chunk's other segments, the widest first."""
    recorded = {outcome.segment for outcome in known}
    prefix = layout.segment_prefix(job, chunk.index)
    found: list[tuple[str, FrameRun]] = []
    for blob in system_account().container(layout.JOBS).list_blobs(name_starts_with=prefix, include=["metadata"]):
        said = blob.metadata or {}
        first, last = said.get("first", ""), said.get("last", "")
        if blob.name not in recorded and first.isdecimal() and last.isdecimal():
            found.append((blob.name, (int(first), int(last))))
    return sorted(found, key=lambda one: one[1][0] - one[1][1])


def _widest(outcomes: list[ChunkOutcome]) -> list[ChunkOutcome]:
    """`outcomes` without those whose frames another one holds as well, in frame order."""
    kept: list[ChunkOutcome] = []
    for outcome in sorted(outcomes, key=lambda o: (o.first, -o.last)):
        if not kept or outcome.last > kept[-1].last:
            kept.append(outcome)
    return kept


def _check_frames(job: str, work: Work, blob: BlobClient, first: bytes, size: int) -> None:
    index = job_files.read_index(job)

    def read(offset: int, length: int) -> bytes:
        known = first[offset : offset + length]
        return known if len(known) == length else blob.download_blob(offset, length).readall()

    reader = RangedReader(read, size, name=blob.blob_name)
    try:
        with reader as source:
            check_segment(source, index, *work.span)
    except MediaError as error:
        raise WrongSegment(str(error)) from error


def _outcome(work: Work, segment: str, size: int, metadata: dict[str, Any]) -> ChunkOutcome:
    missing = [key for key in ("task", "sha256") if key not in metadata]
    if missing:
        raise WrongSegment(f"segment {segment} lacks the metadata {', '.join(missing)} that every task writes")
    task = metadata["task"]
    return ChunkOutcome(
        chunk=work.chunk,
        first=work.span[0],
        last=work.span[1],
        piece=work.piece,
        replaced=_replaced(work, segment, metadata),
        attempt=int(task.rsplit("-a", 1)[1]),
        task=task,
        segment=segment,
        segment_sha256=metadata["sha256"],
        segment_bytes=size,
    )


def _replaced(work: Work, segment: str, metadata: dict[str, Any]) -> tuple[BadRun, ...]:
    """The frames that the segment's task says it did not score.

    Raises:
        WrongSegment: they are others than those it was told not to score.
    """
    kinds: tuple[Literal["held", "source"], ...] = ("held", "source")
    found = [
        BadRun(first=first, last=last, outcome=kind, reason=work.reason)
        for kind in kinds
        for first, last in frame_runs.from_text(metadata.get(kind, ""))
    ]
    unscored = frame_runs.merged(run.run for run in found)
    if work.replaced is not None and unscored != frame_runs.merged(work.replaced):
        told, did = _named(work.replaced), _named(unscored)
        raise WrongSegment(f"segment {segment} leaves {did} unscored; its task was to leave {told}")
    return tuple(sorted(found, key=lambda run: run.first))


def _named(runs: Iterable[FrameRun]) -> str:
    known = tuple(runs)
    return frame_runs.words(known) if known else "no frame"
