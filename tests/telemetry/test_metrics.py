"""The metrics: every one is recorded with its attributes, and read back by OpenTelemetry's own reader."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry import metrics


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("OTEL_METRICS_EXPORTER", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TELEMETRY_FOLDER", str(tmp_path))
    metrics.reset()
    yield tmp_path
    metrics.reset()


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """By name, as they were exported last."""
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    return {metric["name"]: metric for metric in last["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}


def test_each_is_exported_under_its_name_with_its_unit(folder: Path) -> None:
    for metric in metrics.METRICS:
        metrics.record(metric.name, 2, **dict.fromkeys(metric.attributes, "a"))
    metrics.flush()
    found = read(folder)
    assert found.keys() == {metric.name for metric in metrics.METRICS}
    for metric in metrics.METRICS:
        told = found[metric.name]
        assert (told["unit"], told["description"]) == (metric.unit, metric.help)
        [point] = told["sum" if metric.kind == "counter" else "histogram"]["dataPoints"]
        assert point.get("asInt") == "2" if metric.kind == "counter" else point["sum"] == 2
        assert {item["key"] for item in point["attributes"]} == set(metric.attributes)


def test_counters_add_up(folder: Path) -> None:
    for frames in (10, 5):
        metrics.record("atelier.frames.scored", frames, scorer="identity")
    metrics.flush()
    [point] = read(folder)["atelier.frames.scored"]["sum"]["dataPoints"]
    assert point["asInt"] == "15"


def test_what_is_no_metric_or_not_its_attribute_is_an_error() -> None:
    with pytest.raises(KeyError):
        metrics.record("atelier.nothing", 1)
    with pytest.raises(ValueError, match="'job'"):  # a job's id would make a series of its own for every job
        metrics.record("atelier.frames.scored", 1, scorer="identity", job="clip-0123")
