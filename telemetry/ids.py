"""Which span is which: ids that follow from the names of a job, its run and its tasks.

Orchestrations are replayed and may do no I/O, and a node has no way out but its result: neither can make a span and
hand on its id. Since ids are hashes, whoever knows a task's name knows its span, and its parent's.

One trace per run of a job:

    run
      phase            probing, preparing, scoring, stitching, publishing
        work           a chunk, a piece of one, a fit or a stitch
          task         one attempt at it, on a node
            stage      waiting, start, decode, score, encode, upload
"""

import hashlib
import re
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(frozen=True)
class SpanRef:
    """A span by its ids: 128 and 64 bits, neither of them 0."""

    trace_id: int
    span_id: int

    @property
    def traceparent(self) -> str:
        """W3C Trace Context; the flag says that the trace is recorded."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-01"

    @classmethod
    def parse(cls, traceparent: str | None) -> "SpanRef | None":
        """None for what is no `traceparent`: such a one is passed over, as W3C has it."""
        found = _TRACEPARENT.fullmatch(traceparent or "")
        ids = (int(found[1], 16), int(found[2], 16)) if found else (0, 0)
        return cls(*ids) if all(ids) else None


@dataclass(frozen=True)
class RunSpans:
    """The spans of one run."""

    job: str
    run: int

    @property
    def root(self) -> SpanRef:
        return self._span("run", "")

    def phase(self, name: str) -> SpanRef:
        return self._span("phase", name)

    def work(self, name: str) -> SpanRef:
        """`name` as `contracts.layout.work_name` has it."""
        return self._span("work", name)

    def task(self, name: str) -> SpanRef:
        return self._span("task", name)

    def stage(self, task: str, number: int) -> SpanRef:
        return self._span("stage", f"{task}/{number}")

    @property
    def trace_id(self) -> int:
        return _number(16, self.job, str(self.run))

    def _span(self, kind: str, name: str) -> SpanRef:
        return SpanRef(self.trace_id, _number(8, self.job, str(self.run), kind, name))


def _number(size: int, *parts: str) -> int:
    """`size` bytes of a hash over `parts`, none of which holds a line break; 0 would mean "no id"."""
    return int.from_bytes(hashlib.sha256("\n".join(parts).encode()).digest()[:size]) or 1
