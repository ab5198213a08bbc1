"""The frame ledger: what happened to every source frame. It gates release: no complete ledger, no output."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from contracts.messages import StageSeconds
from contracts.model import SCHEMA_VERSION, BatchId, Contract, SchemaVersion, Sha256

Outcome = Literal["scored"]


class ChunkOutcome(Contract):
    """What one chunk's sub-orchestration returns: the segment that holds its frames, and what it cost."""

    chunk: int = Field(ge=0)
    first: int = Field(ge=0)
    last: int = Field(ge=0)
    outcome: Outcome = "scored"
    attempt: int = Field(ge=1)
    task: BatchId
    segment: str
    segment_sha256: Sha256
    segment_bytes: int
    seconds: StageSeconds = StageSeconds()
    wasted_seconds: float = 0.0
    device: str = ""


class LedgerEntry(Contract):
    """Frames `first`..`last` (inclusive) and what became of them."""

    first: int = Field(ge=0)
    last: int = Field(ge=0)
    outcome: Outcome
    chunk: int
    attempt: int
    task: BatchId


class LedgerIncomplete(ValueError):
    """Some frame is unaccounted for, or accounted for twice. `problems` names the frames."""

    def __init__(self, problems: list[str], frame_count: int) -> None:
        self.problems = problems
        super().__init__(f"the ledger of {frame_count} frames is not complete: {'; '.join(problems)}")


class Ledger(Contract):
    """Run-length list frame range -> outcome, in frame order; published beside the result."""

    version: SchemaVersion = SCHEMA_VERSION
    job: BatchId
    frame_count: int = Field(ge=1)
    entries: tuple[LedgerEntry, ...]

    @classmethod
    def from_chunks(cls, job: str, frame_count: int, chunks: Iterable[ChunkOutcome]) -> "Ledger":
        """The ledger of finished chunks, checked.

        Raises:
            LedgerIncomplete: a frame is missing or is there twice.
        """
        entries = tuple(
            LedgerEntry(first=c.first, last=c.last, outcome=c.outcome, chunk=c.chunk, attempt=c.attempt, task=c.task)
            for c in sorted(chunks, key=lambda c: c.first)
        )
        ledger = cls(job=job, frame_count=frame_count, entries=entries)
        ledger.require_complete()
        return ledger

    def require_complete(self) -> None:
        """Every frame 0..frame_count-1 exactly once, or LedgerIncomplete."""
        problems: list[str] = []
        expected = 0
        for entry in self.entries:
            if entry.first > expected:
                problems.append(f"frames {expected}..{entry.first - 1} are missing")
            if entry.first < expected:
                problems.append(f"frames {entry.first}..{min(entry.last, expected - 1)} are there twice")
            expected = max(expected, entry.last + 1)
        if expected < self.frame_count:
            problems.append(f"frames {expected}..{self.frame_count - 1} are missing")
        if expected > self.frame_count:
            problems.append(f"frames {self.frame_count}..{expected - 1} are not in the source")
        if problems:
            raise LedgerIncomplete(problems, self.frame_count)
