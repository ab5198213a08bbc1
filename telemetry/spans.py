"""Spans: those of what this process does, and those that are told of others, such as nodes.

A span that cannot be exported is logged by the SDK and dropped: it never fails what it is about.
"""

import logging
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from telemetry.destinations import destinations
from telemetry.ids import SpanRef
from telemetry.redact import Value, redact

if TYPE_CHECKING:
    from telemetry.tracing import Tracing

log = logging.getLogger(__name__)

# A flush is waited for where a run is recorded; a collector that hangs shall not hold that up for long.
FLUSH_SECONDS = 10.0


@dataclass(frozen=True)
class Span:
    """Something that lasted from `begin` to `end` (Unix seconds). `ref` None: any id. `failed` says why."""

    name: str
    parent: SpanRef | None
    begin: float
    end: float
    ref: SpanRef | None = None
    attributes: Mapping[str, Value | None] = field(default_factory=dict[str, Value | None])
    failed: str | None = None


def is_on() -> bool:
    """Whether spans go anywhere."""
    return _tracing() is not None


def emit(spans: Iterable[Span]) -> None:
    """Export `spans`, in the background."""
    tracing = _tracing()
    if tracing is not None:
        for span in spans:
            tracing.emit(span)


def flush() -> None:
    """Wait until what was emitted so far is exported."""
    if (tracing := _tracing()) is not None and not tracing.flush(FLUSH_SECONDS):
        log.warning("not all spans could be exported within %g s", FLUSH_SECONDS)


@contextmanager
def span(name: str, parent: SpanRef, **attributes: Value | None) -> Generator[None]:
    """A span of what the block does; one that raises is a failed one."""
    if _tracing() is None:
        yield
        return
    begin, failed = time.time(), None
    try:
        yield
    except BaseException as error:
        failed = f"{type(error).__name__}: {error}"
        raise
    finally:
        emit([Span(name, parent, begin, time.time(), attributes=attributes, failed=failed)])


@cache
def _tracing() -> "Tracing | None":
    """Made at the first span, and only where the environment asks for it: it brings the SDK."""
    try:
        where = destinations("traces")
        if not where:
            return None
        from telemetry.tracing import Tracing

        return Tracing(where)
    except Exception as error:  # noqa: BLE001 - an exporter may refuse its settings in any way; jobs go on without spans
        log.error("no spans are exported: %s: %s", type(error).__name__, redact(str(error)))
        return None
