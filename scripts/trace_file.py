"""Reads one run's spans out of a file of OTLP JSON lines.

TraceError: the file holds no such run.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_OWN = "atelier."
_ERROR = 2  # OTLP's status code


class TraceError(ValueError):
    """There is no run to be shown; the message says what there is."""


@dataclass(frozen=True)
class Told:
    """A span: seconds after the run began. `about` holds our own attributes, without their prefix."""

    name: str
    id: str
    parent: str | None
    begin: float
    end: float
    failed: str | None = None
    about: dict[str, Any] = field(default_factory=dict[str, Any])


def read_run(path: Path, job: str | None = None) -> list[Told]:
    """The spans of `job`'s last run, or of the run that began last, in order of time; the first is the run itself.

    Raises:
        TraceError
    """
    spans = list(_spans(path))
    roots = [span for span in spans if span["name"] == "job" and not span.get("parentSpanId")]
    known = sorted({str(_about(root).get("job")) for root in roots})
    wanted = [root for root in roots if job is None or _about(root).get("job") == job]
    if not wanted:
        raise TraceError(f"{path} holds no finished run of {job or 'any job'}; it holds: {', '.join(known) or 'none'}")
    root = max(wanted, key=lambda span: int(span["startTimeUnixNano"]))
    zero = int(root["startTimeUnixNano"])
    mine = {span["spanId"]: span for span in spans if span["traceId"] == root["traceId"]}
    told = [_told(span, zero) for span in mine.values()]
    return sorted(told, key=lambda span: (span.id != root["spanId"], span.begin))


def _spans(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        for resource in json.loads(line).get("resourceSpans", []):
            for scope in resource["scopeSpans"]:
                yield from scope["spans"]


def _told(span: dict[str, Any], zero: int) -> Told:
    status = span.get("status", {})
    return Told(
        name=span["name"],
        id=span["spanId"],
        parent=span.get("parentSpanId"),
        begin=(int(span["startTimeUnixNano"]) - zero) / 1e9,
        end=(int(span["endTimeUnixNano"]) - zero) / 1e9,
        failed=status.get("message", "failed") if status.get("code") == _ERROR else None,
        about=_about(span),
    )


def _about(span: dict[str, Any]) -> dict[str, Any]:
    found = ((item["key"], item["value"]) for item in span.get("attributes", []))
    return {key.removeprefix(_OWN): _value(value) for key, value in found if key.startswith(_OWN)}


def _value(value: dict[str, Any]) -> Any:
    kind, said = next(iter(value.items()))
    return int(said) if kind == "intValue" else said
