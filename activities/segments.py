"""Finished segments in storage: what their metadata says, and the outcome recorded for each chunk.

A segment is written once, with its frames and hash as metadata, so storage itself tells which work is done: a rerun,
a lost result message or a late duplicate all come to the same answer.
"""

from typing import Any

from activities.storage import system_account
from contracts import layout
from contracts.ledger import ChunkOutcome
from contracts.messages import GpuResult
from contracts.plan import Chunk


def find_segment(job: str, chunk: Chunk) -> ChunkOutcome | None:
    """The outcome of a chunk that some attempt of some run has finished, or None."""
    container = system_account().container(layout.JOBS)
    recorded = system_account().find_json(layout.JOBS, layout.outcome_blob(job, chunk.index), ChunkOutcome)
    if recorded and system_account().exists(layout.JOBS, recorded.segment):
        return recorded
    for blob in container.list_blobs(name_starts_with=layout.segment_prefix(job, chunk.index), include=["metadata"]):
        if outcome := _outcome(chunk, blob.name, int(blob.size), blob.metadata or {}):
            return outcome
    return None


def check_segment(chunk: Chunk, result: GpuResult, segment: str) -> tuple[ChunkOutcome | None, str | None]:
    """(outcome, None) where `segment` holds just the chunk's frames, else (None, what is wrong with it)."""
    blob = system_account().container(layout.JOBS).get_blob_client(segment)
    if not blob.exists():
        return None, f"task {result.task} said it succeeded, but its segment does not exist"
    properties = blob.get_blob_properties()
    outcome = _outcome(chunk, segment, int(properties.size), properties.metadata)
    if outcome is None:
        written = ", ".join(f"{first}..{last}" for first, last in result.frames) or "none"
        return None, f"task {result.task} wrote frames {written}; its chunk is {chunk.first}..{chunk.last}"
    return outcome.model_copy(update={"seconds": result.seconds, "device": result.device}), None


def write_outcome(job: str, outcome: ChunkOutcome) -> None:
    system_account().write_json(layout.JOBS, layout.outcome_blob(job, outcome.chunk), outcome)


def _outcome(chunk: Chunk, segment: str, size: int, metadata: dict[str, Any]) -> ChunkOutcome | None:
    if (metadata.get("first"), metadata.get("last")) != (str(chunk.first), str(chunk.last)):
        return None
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
