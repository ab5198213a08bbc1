"""Which finished instances to forget. A finished 50-activity instance holds about 110 KB, so memory needs a bound."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from durabletask.testing.in_memory_backend import OrchestrationInstance


@dataclass(frozen=True)
class Retention:
    """Keep the last `keep_finished` finished top-level instances of each orchestrator and as many finished children.

    They are counted apart: a job with a thousand children must not push earlier jobs out of sight, nor what watches
    over a job another job. With `max_age`, older ones go too.
    """

    keep_finished: int = 500
    max_age: timedelta | None = None


def expired(
    finished: Iterable[OrchestrationInstance],
    parents: Mapping[str, str],
    running: set[str],
    retention: Retention,
) -> list[str]:
    """Ids to purge among `finished`. Children of a `running` instance stay: a rewind would need them."""
    groups: dict[tuple[bool, str], list[OrchestrationInstance]] = defaultdict(list)
    for instance in finished:
        parent = parents.get(instance.instance_id)
        if parent not in running:
            groups[parent is not None, instance.name].append(instance)
    gone: list[str] = []
    for group in groups.values():
        group.sort(key=_ended_at, reverse=True)
        gone += [one.instance_id for place, one in enumerate(group) if _goes(place, one, retention)]
    return gone


def _ended_at(instance: OrchestrationInstance) -> datetime:
    return instance.completed_at or instance.last_updated_at


def _goes(place: int, instance: OrchestrationInstance, retention: Retention) -> bool:
    too_old = retention.max_age is not None and datetime.now(UTC) - _ended_at(instance) > retention.max_age
    return place >= retention.keep_finished or too_old
