"""What the workbook, the alerts and the pages ask for is what the code sends."""

import json
import logging
import re

import pytest
from azure.identity import ManagedIdentityCredential
from azure.monitor.opentelemetry._constants import (
    _FULLY_SUPPORTED_INSTRUMENTED_LIBRARIES,  # pyright: ignore[reportPrivateUsage]
)
from azure.monitor.opentelemetry.exporter.export._base import (
    _get_authentication_credential,  # pyright: ignore[reportPrivateUsage]
)
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from contracts.steps import RunRef
from telemetry import log_fields
from telemetry.destinations import in_azure
from telemetry.log_fields import FIELDS
from telemetry.metrics import METRICS
from tests.infra.deployments import REPOSITORY, app_settings

KNOWN = {metric.name: metric for metric in METRICS}
ASKING = ("infra/workbook.json", "infra/modules/alerts.bicep", "docs/observe.md")


def queries() -> list[str]:
    """KQL of the workbook's items and of docs/observe.md."""
    items = json.loads((REPOSITORY / "infra" / "workbook.json").read_text())["items"]
    found = [item["content"]["query"] for item in items if "query" in item["content"]]
    return found + re.findall(r"```kusto\n(.*?)```", (REPOSITORY / "docs" / "observe.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("file", ASKING)
def test_every_metric_that_is_named_is_one_that_is_recorded(file: str) -> None:
    named = set(re.findall(r'"(atelier\.[a-z.]+)"', (REPOSITORY / file).read_text().replace('\\"', '"')))
    assert named <= KNOWN.keys()
    assert named or "alerts" in file


def test_queries_ask_metrics_for_attributes_that_they_have() -> None:
    checked = 0
    for query in queries():
        names = re.findall(r'"(atelier\.[a-z.]+)"', query)
        asked = set(re.findall(r"Properties\.(\w+)", query))
        if "AppMetrics" in query:
            assert names
            assert all(asked <= set(KNOWN[name].attributes) for name in names)
        elif "AppTraces" in query:
            assert asked <= set(FIELDS)
        checked += bool(asked)
    assert checked >= 4


def test_the_page_lists_every_metric_as_the_code_has_it() -> None:
    page = (REPOSITORY / "docs" / "observe.md").read_text()
    for metric in METRICS:
        attributes = ", ".join(f"`{name}`" for name in metric.attributes)
        assert f"| `{metric.name}` | {metric.kind} | {metric.unit} | {attributes} | {metric.help} |" in page


def test_host_and_worker_send_telemetry_the_same_way() -> None:
    host = json.loads((REPOSITORY / "host.json").read_text())
    assert host["telemetryMode"] == "OpenTelemetry"
    assert in_azure(app_settings())
    assert re.search(r"^azure-monitor-opentelemetry==", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)


def test_no_span_is_paid_for_each_request_to_storage() -> None:
    disabled = app_settings()["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"].split(",")
    assert set(_FULLY_SUPPORTED_INSTRUMENTED_LIBRARIES) <= set(disabled)


def test_the_exporters_take_the_apps_identity_from_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"
    monkeypatch.setenv(name, app_settings()[name])
    credential = _get_authentication_credential()
    assert isinstance(credential, ManagedIdentityCredential)
    credential.close()


def test_the_handler_that_the_worker_installs_keeps_the_fields_of_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = InMemoryLogRecordExporter()
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    handler = LoggingHandler(logger_provider=provider)
    before = logging.getLogRecordFactory()
    log_fields.install()
    log = logging.getLogger("told")
    log.addHandler(handler)
    try:
        with log_fields.about(RunRef(job="clip-0123", run=2)):
            log.error("job %s failed", "clip-0123")
    finally:
        log.removeHandler(handler)
        logging.setLogRecordFactory(before)
        provider.shutdown()
    [record] = kept.get_finished_logs()
    attributes = record.log_record.attributes or {}
    assert (attributes["job"], attributes["run"]) == ("clip-0123", 2)
