"""OpenTelemetry's SDK for spans whose ids and times are given. Imported only where spans are exported."""

import threading

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context

from telemetry.destinations import SERVICE, Destinations
from telemetry.ids import SpanRef
from telemetry.redact import clean, redact
from telemetry.spans import Span

# Two spans a task and stage: a run of some hundred tasks ends at once, and the SDK drops what does not fit.
QUEUE = 65_536


class _Ids(IdGenerator):
    """Gives the ids that were asked for, in the thread that asked; else random ones."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self._next = threading.local()

    def give(self, ref: SpanRef | None) -> None:
        self._next.ref = ref

    def generate_span_id(self) -> int:
        ref: SpanRef | None = getattr(self._next, "ref", None)
        return ref.span_id if ref else self._random.generate_span_id()

    def generate_trace_id(self) -> int:
        ref: SpanRef | None = getattr(self._next, "ref", None)
        return ref.trace_id if ref else self._random.generate_trace_id()


class Tracing:
    """A tracer provider of our own: Durable's client makes spans too where there is a global one."""

    def __init__(self, where: Destinations) -> None:
        self._ids = _Ids()
        # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over what is given here.
        self._provider = TracerProvider(id_generator=self._ids, resource=resource())
        for exporter in _exporters(where):
            self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE))
        self._tracer = self._provider.get_tracer(SERVICE)

    def emit(self, span: Span) -> None:
        parent = None
        if span.parent is not None:
            context = SpanContext(
                span.parent.trace_id, span.parent.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
            )
            parent = set_span_in_context(NonRecordingSpan(context))
        self._ids.give(span.ref)
        try:
            made = self._tracer.start_span(
                span.name, parent, attributes=clean(span.attributes), start_time=_nanoseconds(span.begin)
            )
        finally:
            self._ids.give(None)
        if span.failed is not None:
            made.set_status(Status(StatusCode.ERROR, redact(span.failed)[:1_000]))
        made.end(_nanoseconds(max(span.begin, span.end)))

    def flush(self, seconds: float) -> bool:
        """Whether all was exported in time."""
        return self._provider.force_flush(round(seconds * 1000))

    def close(self) -> None:
        self._provider.shutdown()


def resource() -> Resource:
    return Resource.create({SERVICE_NAME: SERVICE}) if not _is_named() else Resource.create()


def _is_named() -> bool:
    named = str(Resource.create().attributes.get(SERVICE_NAME, ""))
    return bool(named) and not named.startswith("unknown_service")


def _exporters(where: Destinations) -> list[SpanExporter]:
    found: list[SpanExporter] = []
    if where.folder is not None:
        from telemetry.otlp_file import SpanFile

        found.append(SpanFile(where.folder / "traces.jsonl"))
    if "console" in where.exporters:
        found.append(ConsoleSpanExporter())
    if "otlp" in where.exporters:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        found.append(OTLPSpanExporter())
    if where.azure is not None:
        from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter

        found.append(AzureMonitorTraceExporter(connection_string=where.azure))
    return found


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
