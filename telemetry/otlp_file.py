"""Files of OTLP JSON lines, the format of the OpenTelemetry Collector's file exporter: one export request a line.

Jaeger's page "JSON file" and the Collector's `otlpjsonfile` receiver read them.
"""

import base64
import json
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = logging.getLogger(__name__)

# A job of a thousand chunks leaves some 10 MB. The file before the last is kept, so a disk never holds more than two.
MAX_BYTES = 100 * 1024**2
# Protobuf's JSON has bytes in base64; OTLP wants these in hexadecimal digits.
_IDS = ("traceId", "spanId", "parentSpanId")


class JsonLines:
    """Appends lines to a file, which only its owner may read. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()

    def write(self, message: Message) -> bool:
        """Whether it could be written; why not is logged."""
        content = _hexadecimal(MessageToDict(message, use_integers_for_enums=True))
        line = json.dumps(content, separators=(",", ":")) + "\n"
        try:
            with self._lock:
                self._append(line.encode())
        except OSError as error:
            log.error("%s cannot be written: %s", self._path, error)
            return False
        return True

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size + len(line) > MAX_BYTES:
            self._path.replace(self._path.with_suffix(".1.jsonl"))
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(line)


class SpanFile(SpanExporter):
    def __init__(self, path: Path) -> None:
        self._lines = JsonLines(path)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        written = self._lines.write(encode_spans(spans))
        return SpanExportResult.SUCCESS if written else SpanExportResult.FAILURE


class MetricFile(MetricExporter):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._lines = JsonLines(path)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        written = self._lines.write(encode_metrics(metrics_data))
        return MetricExportResult.SUCCESS if written else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True  # nothing is kept back

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        return


def _hexadecimal(value: Any) -> Any:
    if isinstance(value, list):
        return [_hexadecimal(item) for item in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(item).hex() if key in _IDS else _hexadecimal(item)
        for key, item in cast(dict[str, Any], value).items()
    }
