"""The metrics: all there are, and how they are recorded. Attributes have few values: never a job's id."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from telemetry.destinations import SERVICE, destinations, in_azure
from telemetry.redact import redact

log = logging.getLogger(__name__)

type Record = Callable[[float, dict[str, str]], None]


@dataclass(frozen=True)
class Metric:
    """A counter's values are added up, a histogram's kept as a distribution."""

    name: str
    kind: Literal["counter", "histogram"]
    unit: str
    help: str
    attributes: tuple[str, ...]


METRICS = (
    Metric("atelier.jobs", "counter", "{job}", "Runs of jobs that are over", ("outcome", "scorer")),
    Metric("atelier.job.seconds", "histogram", "s", "From a job's start to its end", ("outcome", "scorer")),
    Metric(
        "atelier.job.cost", "histogram", "{currency}", "Cost of a run's nodes, failures included", ("outcome", "scorer")
    ),
    Metric("atelier.frames.scored", "counter", "{frame}", "Frames that tasks scored, warm-up included", ("scorer",)),
    Metric(
        "atelier.task.seconds", "histogram", "s", "A task's program, from its start to its end", ("kind", "outcome")
    ),
    Metric("atelier.stage.seconds", "histogram", "s", "Seconds of one stage in one task", ("kind", "stage")),
    Metric(
        "atelier.task.retries", "counter", "{task}", "Tasks that repeated work of a task that had failed", ("kind",)
    ),
    Metric("atelier.deadletters", "counter", "{message}", "Messages and GPU work that were given up", ("queue",)),
)
_KNOWN = {metric.name: metric for metric in METRICS}


def record(name: str, value: float, **attributes: str) -> None:
    """Add `value` to a counter, or note it in a histogram.

    Raises:
        KeyError: there is no such metric.
        ValueError: its attributes are others.
    """
    metric = _KNOWN[name]
    if attributes.keys() != set(metric.attributes):
        raise ValueError(f"{name}: attributes {sorted(attributes)}; it has {sorted(metric.attributes)}")
    if (to := _instruments().get(name)) is not None:
        to(value, attributes)


def flush() -> None:
    """Export what was recorded so far, where the exporters are our own."""
    if _instruments():
        from telemetry.metering import flush as flush_provider

        flush_provider()


def reset() -> None:
    """Export what is left and forget where to: the next record reads the environment anew."""
    if _instruments.cache_info().currsize and _instruments():
        from telemetry.metering import close

        close()
    _instruments.cache_clear()


@cache
def _instruments() -> dict[str, Record]:
    """Made when something is recorded for the first time; none where metrics go nowhere."""
    try:
        where = destinations("metrics")
        if not where:
            return {}
        from telemetry.metering import instruments

        return instruments(METRICS, None if in_azure() else where, SERVICE)
    except Exception as error:  # noqa: BLE001 - an exporter may refuse its settings in any way; jobs go on without metrics
        log.error("no metrics are exported: %s: %s", type(error).__name__, redact(str(error)))
        return {}
