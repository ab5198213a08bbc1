"""The frame ledger: what happened to every source frame. It gates release: no complete ledger, no output."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from contracts import frame_runs
from contracts.frame_runs import FrameRun
from contracts.messages import StageSeconds
from contracts.model import SCHEMA_VERSION, BatchId, Contract, SchemaVersion, Sha256

# `held`: the frame before stands for it. `source`: passed through as it is in the source. `reused`: taken from the
# result of an earlier job.
Outcome = Literal["scored", "held", "source", "reused"]

# A reason is repeated for every run it is about, in statuses of 16 KB.
MAX_BAD_REASON_CHARACTERS = 300


class BadRun(Contract):
    """Frames `first`..`last` (inclusive) that could not be scored, what stands in for them, and why."""

    first: int = Field(ge=0)
    last: int = Field(ge=0)
    outcome: Literal["held", "source"]
    reason: str = Field(max_length=MAX_BAD_REASON_CHARACTERS)

    @property
    def run(self) -> FrameRun:
        return self.first, self.last


class ChunkOutcome(Contract):
    """The segment that holds the frames of a chunk, or of a `piece` of one that was split, and what it cost.

    `replaced` lists the frames in it that were not scored.
    """

    chunk: int = Field(ge=0)
    first: int = Field(ge=0)
    last: int = Field(ge=0)
    piece: FrameRun | None = None
    outcome: Literal["scored", "reused"] = "scored"
    replaced: tuple[BadRun, ...] = ()
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
    reason: str | None = None


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
        entries = tuple(entry for chunk in sorted(chunks, key=lambda c: c.first) for entry in _entries(chunk))
        ledger = cls(job=job, frame_count=frame_count, entries=entries)
        ledger.require_complete()
        return ledger

    @property
    def bad_runs(self) -> tuple[FrameRun, ...]:
        """Frames that were not scored, runs that touch made one, across chunks too."""
        return frame_runs.merged((e.first, e.last) for e in self.entries if e.outcome in ("held", "source"))

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


def _entries(outcome: ChunkOutcome) -> list[LedgerEntry]:
    """A segment's frames as runs of one outcome each, in order."""

    def entry(first: int, last: int, became: Outcome, reason: str | None = None) -> LedgerEntry:
        return LedgerEntry(
            first=first,
            last=last,
            outcome=became,
            chunk=outcome.chunk,
            attempt=outcome.attempt,
            task=outcome.task,
            reason=reason,
        )

    bad = [entry(run.first, run.last, run.outcome, run.reason) for run in outcome.replaced]
    rest = frame_runs.without((outcome.first, outcome.last), [run.run for run in outcome.replaced])
    good = [entry(first, last, outcome.outcome) for first, last in rest]
    return sorted([*bad, *good], key=lambda entry: entry.first)
