"""host.json, read once into frozen settings. Names and defaults are those of the Functions host, version 4."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.functions_host.errors import HostFileError

_TIMESPAN = re.compile(r"^(?:(?P<days>\d+)\.)?(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2}(?:\.\d+)?))?$")
_SETTING = re.compile(r"%([\w.:-]+)%")
MAX_BATCH = 32  # Get Messages returns at most 32


@dataclass(frozen=True)
class QueueSettings:
    """`extensions.queues`; times in seconds."""

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout_s: float = 0.0
    max_polling_interval_s: float = 2.0  # the host's own default is a minute; on a laptop somebody is waiting
    base64: bool = True


@dataclass(frozen=True)
class DurableSettings:
    """`extensions.durableTask`."""

    hub_name: str = "TestHubName"
    max_orchestrators: int = 10
    max_activities: int = 10
    max_entities: int = 10


@dataclass(frozen=True)
class HostJson:
    """The parts of host.json this host honours."""

    queues: QueueSettings = QueueSettings()
    durable: DurableSettings = DurableSettings()
    route_prefix: str = "api"


def seconds(path: Path, key: str, value: object) -> float:
    """A .NET TimeSpan (`[d.]hh:mm[:ss[.fff]]`) in seconds. Raises HostFileError naming file, key and value."""
    match = _TIMESPAN.match(str(value))
    if match is None:
        raise HostFileError(f"{path}: {key} is {value!r}; write a time span such as 00:00:30")
    return int(match["days"] or 0) * 86400 + int(match["h"]) * 3600 + int(match["m"]) * 60 + float(match["s"] or 0)


def _integer(path: Path, section: dict[str, Any], key: str, default: int, low: int, high: int) -> int:
    value = section.get(key.rsplit(".", 1)[-1], default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise HostFileError(f"{path}: {key} is {value!r}; write a whole number from {low} to {high}")
    return value


def _queues(path: Path, section: dict[str, Any]) -> QueueSettings:
    batch = _integer(path, section, "extensions.queues.batchSize", 16, 1, MAX_BATCH)
    threshold = _integer(path, section, "extensions.queues.newBatchThreshold", max(batch // 2, 1), 0, 1000)
    encoding = str(section.get("messageEncoding", "base64")).lower()
    if encoding not in ("base64", "none"):
        raise HostFileError(f"{path}: extensions.queues.messageEncoding is {encoding!r}; write base64 or none")
    return QueueSettings(
        batch_size=batch,
        new_batch_threshold=threshold,
        max_dequeue_count=_integer(path, section, "extensions.queues.maxDequeueCount", 5, 1, 1000),
        visibility_timeout_s=seconds(
            path, "extensions.queues.visibilityTimeout", section.get("visibilityTimeout", "00:00:00")
        ),
        max_polling_interval_s=seconds(
            path, "extensions.queues.maxPollingInterval", section.get("maxPollingInterval", "00:00:02")
        ),
        base64=encoding == "base64",
    )


def _durable(path: Path, section: dict[str, Any]) -> DurableSettings:
    at = "extensions.durableTask."
    return DurableSettings(
        hub_name=expand(str(section.get("hubName", "TestHubName")), f"{path}: {at}hubName"),
        max_orchestrators=_integer(path, section, at + "maxConcurrentOrchestratorFunctions", 10, 1, 1000),
        max_activities=_integer(path, section, at + "maxConcurrentActivityFunctions", 10, 1, 1000),
        max_entities=_integer(path, section, at + "maxConcurrentEntityFunctions", 10, 1, 1000),
    )


def expand(text: str, where: str) -> str:
    """`text` with every `%NAME%` replaced by the setting of that name.

    Raises HostFileError, saying `where` the name stands, when no setting defines it.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise HostFileError(f"{where} is {text!r}, but no setting defines {match[1]}; set it")
        return os.environ[match[1]]

    return _SETTING.sub(value, text)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises HostFileError naming the file, the line and the cause."""
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise HostFileError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise HostFileError(f"{path}: is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise HostFileError(f"{path}: holds a JSON {type(value).__name__}; write an object")
    return value


def read_host_json(path: Path) -> HostJson:
    """Read host.json. Raises HostFileError: missing, not JSON, or a value out of range."""
    if not path.exists():
        raise HostFileError(f'{path}: missing; the smallest host.json is {{"version": "2.0"}}')
    extensions = read_json(path).get("extensions", {})
    return HostJson(
        queues=_queues(path, extensions.get("queues", {})),
        durable=_durable(path, extensions.get("durableTask", {})),
        route_prefix=str(extensions.get("http", {}).get("routePrefix", "api")).strip("/"),
    )
