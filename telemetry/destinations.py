"""Where traces and metrics go, by the environment.

    TELEMETRY_FOLDER            traces.jsonl and metrics.jsonl there, as OTLP JSON lines
    OTEL_TRACES_EXPORTER,       otlp and console, by comma; none turns all of that signal off, the folder too. What
    OTEL_METRICS_EXPORTER       otlp needs it reads itself: OTEL_EXPORTER_OTLP_ENDPOINT, ..._HEADERS, ...
    OTEL_SERVICE_NAME           default: atelier
    PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY    in Azure: Application Insights, whose address
                                APPLICATIONINSIGHTS_CONNECTION_STRING has. Metrics and logs take the way that the
                                Functions worker has set up by itself; spans, whose ids are given, take ours.

DestinationError: an exporter that is not known.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KNOWN = ("otlp", "console")
SERVICE = "atelier"


class DestinationError(ValueError):
    """A variable names an exporter that there is not; says which there are."""


@dataclass(frozen=True)
class Destinations:
    """Of one signal, "traces" or "metrics". `azure` is a connection string; it holds no secret where keys are off."""

    folder: Path | None = None
    exporters: tuple[str, ...] = ()
    azure: str | None = None

    def __bool__(self) -> bool:
        return bool(self.folder or self.exporters or self.azure)


def destinations(signal: str, environ: Mapping[str, str] = os.environ) -> Destinations:
    """Raises: DestinationError."""
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    named = [name for part in environ.get(variable, "").split(",") if (name := part.strip().lower())]
    if named == ["none"]:
        return Destinations()
    for name in named:
        if name not in KNOWN:
            raise DestinationError(f"{variable} names {name!r}; give none, or of: {', '.join(KNOWN)}")
    folder = environ.get("TELEMETRY_FOLDER")
    return Destinations(Path(folder) if folder else None, tuple(named), _azure(environ))


def in_azure(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the Functions worker was asked to set up Azure Monitor's exporters."""
    return environ.get("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "").lower() in ("1", "true")


def _azure(environ: Mapping[str, str]) -> str | None:
    return environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING") or None if in_azure(environ) else None
