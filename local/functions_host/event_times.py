"""Times of history events, which the stock backend leaves at 1970."""

import durabletask.internal.orchestrator_service_pb2 as pb
from google.protobuf import timestamp_pb2


def stamp_arrivals(events: list[pb.HistoryEvent]) -> None:
    """Date the newest pending events; those before a dated one were dated when they came."""
    now = _now()
    for event in reversed(events):
        if event.timestamp.seconds:
            return
        event.timestamp.CopyFrom(now)


def stamp_dispatch(history: list[pb.HistoryEvent]) -> None:
    """Date what the last dispatch added to the history."""
    now = _now()
    for event in reversed(history):
        if not event.timestamp.seconds:
            event.timestamp.CopyFrom(now)
        elif event.HasField("orchestratorStarted"):
            return


def _now() -> timestamp_pb2.Timestamp:
    now = timestamp_pb2.Timestamp()
    now.GetCurrentTime()
    return now
