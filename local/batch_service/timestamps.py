"""Times as Batch writes them: ISO 8601 instants and durations, entity tags."""

import itertools
import re
import time
from datetime import UTC, datetime, timedelta

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
UNLIMITED = "P10675199DT2H48M5.4775807S"  # Batch's "no limit": the longest .NET TimeSpan
_LONGEST = 3e9  # seconds (95 years): anything longer is no limit
_versions = itertools.count(time.time_ns() // 1_000_000)


def iso(instant: float | None) -> str | None:
    """Seconds since the epoch as Batch writes them, e.g. 2026-11-22T15:47:45.123456Z."""
    if instant is None:
        return None
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def iso_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_duration(text: str) -> float | None:
    """Seconds; None for no limit. Raises ValueError for anything but an ISO 8601 duration of days and shorter."""
    match = _DURATION.fullmatch(text)
    if match is None or text in ("P", "PT") or text.endswith("T"):
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT30M")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    if days * 86400 > _LONGEST:
        return None
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


def new_etag() -> str:
    return f"0x8D{next(_versions):X}"
