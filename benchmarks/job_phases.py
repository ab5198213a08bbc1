"""Where a job's wall time went, by the Durable history of its orchestrations and by what its GPU tasks told."""

import json
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from contracts.messages import FINISHED_EVENT

Event = Mapping[str, Any]

# What runs under an orchestration -> the phase it is part of. Whatever is not here is a phase of its own name.
PHASES = {
    "probe_video": "probe",
    "plan_chunks": "plan",
    "prepare_model": "model",
    "score_chunk": "score",
    "score_group": "score",
    "measure_progress": "score",
    "stitch_video": "stitch",
    "publish": "publish",
    "end_run": "end",
}
CLIENT_START, CLIENT_END, BETWEEN = "client and upload", "notice and download", "between"


def phases(history: Iterable[Event], began: datetime, ended: datetime) -> dict[str, float]:
    """Seconds of each phase from `began` to `ended`, when the client ran; they add up to all of it.

    Raises:
        ValueError: the history is not of a job that has ended.
    """
    events = list(history)
    started, finished = (_when(events, kind) for kind in ("ExecutionStarted", "ExecutionCompleted"))
    spans: dict[str, tuple[datetime, datetime]] = {}
    for event in events:
        if "ScheduledTime" in event:
            function = str(event["FunctionName"])
            name = PHASES.get(function, function)
            begin, end = parse_time(event["ScheduledTime"]), parse_time(event["Timestamp"])
            first, last = spans.get(name, (begin, end))
            spans[name] = min(first, begin), max(last, end)
    found = {CLIENT_START: _seconds(began, started)}
    found |= {name: _seconds(*span) for name, span in spans.items()}
    found[CLIENT_END] = _seconds(finished, ended)
    found[BETWEEN] = round(_seconds(began, ended) - sum(found.values()), 3)
    return found


def task_times(history: Iterable[Event]) -> dict[str, Any] | None:
    """Of one chunk: what its GPU task told of its stages; `ended` is when it did, `told` how long the workflow took to
    hear of it. None without a task that succeeded."""
    events = list(history)
    finished = [e for e in events if e["EventType"] == "EventRaised" and e.get("Name") == FINISHED_EVENT]
    submitted = [e for e in events if e.get("FunctionName") == "submit_chunk" and "ScheduledTime" in e]
    if not finished or not submitted:
        return None
    result = json.loads(finished[-1]["Input"])
    if result["outcome"] != "succeeded":
        return None
    seconds = result["seconds"]
    # A task's clock starts when its message is written, at the end of `submit_chunk`.
    ended = parse_time(submitted[-1]["Timestamp"]).timestamp() + seconds["queue"] + seconds["total"]
    told = parse_time(finished[-1]["Timestamp"]).timestamp() - ended
    return seconds | {"ended": ended, "told": told, "device": result["device"]}


def score_phase(tasks: list[Mapping[str, Any]]) -> dict[str, float]:
    """What is not scoring in the phase `score`: the slowest of each, and how far apart the tasks ended."""
    slowest = {name: max(task[name] for task in tasks) for name in ("queue", "start", "upload", "told")}
    apart = max(task["ended"] for task in tasks) - min(task["ended"] for task in tasks)
    work = {name: sum(task[name] for task in tasks) for name in ("decode", "score", "encode")}
    found = slowest | {"ended apart": apart} | {f"{name}, all tasks": seconds for name, seconds in work.items()}
    return {name: round(seconds, 3) for name, seconds in found.items()}


def fetch_history(functions: str, instance: str) -> list[Event]:
    """From the Function App's own management API."""
    address = f"{functions}/runtime/webhooks/durabletask/instances/{instance}?showHistory=true&showHistoryOutput=true"
    with urllib.request.urlopen(address, timeout=60) as answer:
        return json.load(answer)["historyEvents"]


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _when(events: list[Event], kind: str) -> datetime:
    for event in events:
        if event["EventType"] == kind:
            return parse_time(event["Timestamp"])
    raise ValueError(f"the history has no {kind}: the job has not ended")


def _seconds(begin: datetime, end: datetime) -> float:
    return round((end - begin).total_seconds(), 3)
