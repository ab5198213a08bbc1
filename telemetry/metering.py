"""OpenTelemetry's SDK for metrics. Imported only where metrics are exported."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry import metrics as api
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricReader, PeriodicExportingMetricReader

from telemetry.destinations import Destinations
from telemetry.metrics import Metric
from telemetry.tracing import resource

log = logging.getLogger(__name__)

FLUSH_MILLISECONDS = 10_000

_providers: list[MeterProvider] = []


def instruments(
    metrics: Iterable[Metric], where: Destinations | None, service: str
) -> dict[str, Callable[[float, dict[str, str]], None]]:
    """What records each metric, by its name. `where` None: to whoever set up the process's own provider."""
    meter = api.get_meter(service) if where is None else _provider(where).get_meter(service)
    return {metric.name: _instrument(meter, metric) for metric in metrics}


def flush() -> None:
    for provider in _providers:
        if not provider.force_flush(FLUSH_MILLISECONDS):
            log.warning("not all metrics could be exported within %g s", FLUSH_MILLISECONDS / 1000)


def close() -> None:
    while _providers:
        _providers.pop().shutdown()


def _instrument(meter: api.Meter, metric: Metric) -> Callable[[float, dict[str, str]], None]:
    if metric.kind == "counter":
        counter = meter.create_counter(metric.name, metric.unit, metric.help)
        return lambda value, attributes: counter.add(value, attributes)
    histogram = meter.create_histogram(metric.name, metric.unit, metric.help)
    return lambda value, attributes: histogram.record(value, attributes)


def _provider(where: Destinations) -> MeterProvider:
    provider = MeterProvider(metric_readers=[*_readers(where)], resource=resource())
    _providers.append(provider)
    return provider


def _readers(where: Destinations) -> Iterable[MetricReader]:
    exporters: list[Any] = []
    if where.folder is not None:
        from telemetry.otlp_file import MetricFile

        exporters.append(MetricFile(where.folder / "metrics.jsonl"))
    if "console" in where.exporters:
        exporters.append(ConsoleMetricExporter())
    if "otlp" in where.exporters:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        exporters.append(OTLPMetricExporter())
    return (PeriodicExportingMetricReader(exporter) for exporter in exporters)
