"""The benchmark of start-up, at a size of seconds: real processes, one turn each."""

import sys
from pathlib import Path

import pytest

from benchmarks import start_up
from benchmarks.report import read_report

pytestmark = pytest.mark.timeout(240)


def test_imports_and_tasks_are_measured_by_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_up, "SCORERS", {"identity": None})  # the other loads torch
    start_up.measure(1, Path(sys.executable), (64, 48), tmp_path)
    report = read_report(tmp_path / "start_up.json")
    rows = {row["process"]: row for row in report.results}
    assert set(rows) == {"interpreter", "base", "app", "task, identity"}
    task = rows["task, identity"]
    assert task["seconds"] == pytest.approx(sum(task[stage] for stage in start_up.STAGES), abs=0.01)
    assert report.ratios["app_to_base"] > 0
