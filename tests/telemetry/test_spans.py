"""Spans from the app's code to a file that others read."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from telemetry import otlp_file
from telemetry.destinations import DestinationError, Destinations, destinations
from telemetry.ids import RunSpans
from telemetry.spans import Span
from telemetry.tracing import Tracing

ROOT = Path(__file__).parents[2]
RUN = RunSpans("clip-0123", 1)


@pytest.fixture
def tracing(tmp_path: Path) -> Iterator[Tracing]:
    made = Tracing(Destinations(folder=tmp_path / "telemetry"))
    yield made
    made.close()


def read(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "telemetry" / "traces.jsonl").read_text().splitlines()
    scopes = (scope for line in lines for part in json.loads(line)["resourceSpans"] for scope in part["scopeSpans"])
    return [span for scope in scopes for span in scope["spans"]]


def test_a_span_has_the_ids_and_times_it_was_given(tracing: Tracing, tmp_path: Path) -> None:
    tracing.emit(Span("job", None, 100.0, 102.5, RUN.root, {"atelier.job": "clip-0123", "atelier.left_out": None}))
    tracing.emit(Span("task", RUN.root, 101.0, 102.0, RUN.task("c00000-a1"), failed="it broke"))
    tracing.emit(Span("activity", RUN.root, 101.0, 101.5))
    assert tracing.flush(10)

    job, task, activity = read(tmp_path)
    assert (job["traceId"], job["spanId"]) == (f"{RUN.trace_id:032x}", f"{RUN.root.span_id:016x}")
    assert "parentSpanId" not in job
    assert (job["startTimeUnixNano"], job["endTimeUnixNano"]) == ("100000000000", "102500000000")
    assert job["attributes"] == [{"key": "atelier.job", "value": {"stringValue": "clip-0123"}}]
    assert task["spanId"] == f"{RUN.task('c00000-a1').span_id:016x}"
    assert task["status"] == {"message": "it broke", "code": 2}
    assert {task["traceId"], activity["traceId"]} == {job["traceId"]}
    assert task["parentSpanId"] == activity["parentSpanId"] == job["spanId"]
    assert activity["spanId"] not in (job["spanId"], task["spanId"])


def test_the_file_is_otlp_json_for_its_owner_alone(tracing: Tracing, tmp_path: Path) -> None:
    tracing.emit(Span("job", None, 100.0, 101.0, RUN.root))
    tracing.flush(10)
    path = tmp_path / "telemetry" / "traces.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # Protobuf's own reader takes the file but for the ids, which OTLP has in hexadecimal digits.
    line = path.read_text().replace(f"{RUN.trace_id:032x}", "").replace(f"{RUN.root.span_id:016x}", "")
    [resource] = Parse(line, ExportTraceServiceRequest()).resource_spans
    assert resource.scope_spans[0].spans[0].name == "job"
    assert {item.key: item.value.string_value for item in resource.resource.attributes}["service.name"] == "atelier"


def test_no_secret_is_exported(tracing: Tracing, tmp_path: Path) -> None:
    url = "https://x.blob.core.windows.net/c/b?sp=r&sig=c2VjcmV0%3D"
    about = {"a": url, "b": "AccountKey=c2VjcmV0;x", "c": "sig%3Dc2VjcmV0", "d": "/api?code=c2VjcmV0"}
    tracing.emit(Span("task", None, 0.0, 1.0, attributes=about, failed=f"GET {url}"))
    tracing.flush(10)
    text = (tmp_path / "telemetry" / "traces.jsonl").read_text()
    assert text.count("REDACTED") == 5
    assert "c2VjcmV0" not in text


def test_a_full_file_makes_room_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_file, "MAX_BYTES", 400)
    lines = otlp_file.JsonLines(tmp_path / "traces.jsonl")
    for _ in range(9):
        assert lines.write(ExportTraceServiceRequest(resource_spans=[{"schema_url": "x" * 100}]))
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.keys() == {"traces.jsonl", "traces.1.jsonl"}
    assert all(size <= 400 for size in sizes.values())


def test_a_file_that_cannot_be_written_is_told_and_nothing_raises(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "taken").write_text("no folder")
    tracing = Tracing(Destinations(folder=tmp_path / "taken"))
    tracing.emit(Span("job", None, 0.0, 1.0))
    tracing.flush(10)
    tracing.close()
    assert "traces.jsonl cannot be written" in caplog.text


def test_where_nothing_is_configured_nothing_is_imported_nor_exported(tmp_path: Path) -> None:
    assert run({}, tmp_path) == {"on": False, "sdk": []}
    assert run({"TELEMETRY_FOLDER": str(tmp_path / "t"), "OTEL_TRACES_EXPORTER": "none"}, tmp_path)["sdk"] == []
    assert not (tmp_path / "t").exists()


def test_the_environment_turns_it_on(tmp_path: Path) -> None:
    told = run({"TELEMETRY_FOLDER": str(tmp_path / "telemetry"), "OTEL_SERVICE_NAME": "mine"}, tmp_path)
    assert told["on"]
    assert "opentelemetry.sdk.trace" in told["sdk"]
    [ok, broken] = read(tmp_path)
    assert (ok["name"], ok["status"]) == ("fine", {})
    assert (broken["name"], broken["status"]["message"]) == ("broken", "KeyError: 'gone'")
    assert '"mine"' in (tmp_path / "telemetry" / "traces.jsonl").read_text()


def run(environment: dict[str, str], folder: Path) -> dict[str, Any]:
    """What a process with this environment says after two spans, one of them failed."""
    program = """
import json, sys
from telemetry import spans
from telemetry.ids import RunSpans
root = RunSpans("clip", 1).root
with spans.span("fine", root, number=3):
    pass
try:
    with spans.span("broken", root):
        raise KeyError("gone")
except KeyError:
    pass
spans.flush()
found = [name for name in sys.modules if name.startswith(("opentelemetry", "azure"))]
print(json.dumps({"on": spans.is_on(), "sdk": found}))
"""
    base = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TELEMETRY_"))}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=base | environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_an_exporter_that_is_not_known_is_named_with_those_that_are() -> None:
    assert destinations("traces", {"OTEL_TRACES_EXPORTER": "otlp, console"}).exporters == ("otlp", "console")
    with pytest.raises(DestinationError, match=r"OTEL_TRACES_EXPORTER names 'zipkin'.*otlp, console"):
        destinations("traces", {"OTEL_TRACES_EXPORTER": "zipkin"})


def test_azures_exporter_is_asked_for_by_both_of_its_settings() -> None:
    address = {"APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=0"}
    assert not destinations("traces", address)
    enabled = address | {"PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true"}
    assert destinations("traces", enabled).azure == "InstrumentationKey=0"


def test_spans_go_to_a_collector_where_opentelemetrys_own_variables_say(tmp_path: Path) -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        compression = {"OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        run({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} | compression, tmp_path)
        server.shutdown()
        thread.join()
    [(path, body)] = received
    assert path == "/v1/traces"
    spans = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    assert [span.name for span in spans] == ["fine", "broken"]
    assert {span.trace_id.hex() for span in spans} == {f"{RunSpans('clip', 1).trace_id:032x}"}


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "1", "APPLICATIONINSIGHTS_CONNECTION_STRING": "no such thing"},
    ],
)
def test_settings_that_an_exporter_refuses_are_told_and_the_work_goes_on(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert run(environment, tmp_path)["on"] is False
