"""The fan-out benchmark on the real stack, small, and its sums."""

import argparse
import json
import sys
from pathlib import Path

import pytest

from benchmarks import fan_out
from benchmarks.fan_out_stack import FanOut, Status

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="memory and CPU time are read from /proc"),
    # azure-batch 15.1.0 signs with datetime.utcnow().
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]


def run_of(chunks: int, scoring: float, cpu: float, **changes: object) -> FanOut:
    task = dict.fromkeys((*fan_out.TASK_STAGES, "node"), 0.5) | {"peak_megabytes": 90.0}
    known = {
        "wall": scoring + 2,
        "after": {"stitch": 1.0, "publish": 0.5, "end": 0.5},
        "statuses": [Status(10.0, 400)],
        "tasks": [task] * chunks,
        "told": [{"told": 0.1, "verify": 0.2}],
        "megabytes": {"host": 200.0, "azurite": 300.0},
    }
    return FanOut(chunks=chunks, scoring=scoring, cpu=cpu, **known | changes)  # type: ignore[arg-type]


def test_ratios_are_of_the_jobs_that_the_goals_name() -> None:
    runs = {
        ("identity", 50): run_of(50, 5, 10),
        ("identity", 100): run_of(100, 10, 20),
        ("identity", 1000): run_of(1000, 110, 180, statuses=[Status(12.0, 440)]),
        ("asleep", 200): run_of(200, 26, 40, megabytes={"host": 501.0}),
    }
    ratios = fan_out._ratios(runs, 8, 1.0)
    assert ratios["over_ideal_200"] == 1.04
    assert (ratios["wall_per_chunk"], ratios["cpu_per_chunk"], ratios["cost_per_chunk"]) == (1.1, 0.9, 1.1)
    assert (ratios["status_ms"], ratios["status_bytes"], ratios["peak_megabytes"]) == (1.2, 1.1, 501.0)
    assert [goal.met for goal in fan_out.goals(ratios)] == [True, True, False, True, True]


def test_what_was_not_run_is_not_judged() -> None:
    assert [goal.met for goal in fan_out.goals(fan_out._ratios({}, 8, 1.0))] == [None] * 5


def test_counts_are_whole_numbers() -> None:
    assert fan_out._counts("50,200") == (50, 200)
    assert fan_out._counts("") == ()
    for text in ("0", "-1", "x"):
        with pytest.raises(argparse.ArgumentTypeError):
            fan_out._counts(text)


@pytest.mark.timeout(180)
def test_a_tiny_run_writes_a_report_of_every_stage(tmp_path: Path) -> None:
    arguments = ["--chunks", "3", "--asleep", "4", "--nodes", "2", "--seconds", "0.2"]
    fan_out.main(arguments, tmp_path)
    report = json.loads((tmp_path / "fan_out.json").read_text())
    identity, asleep = report["results"]
    assert (identity["scorer"], identity["chunks"]) == ("identity", 3)
    assert identity["over_ideal"] is None
    assert (asleep["scorer"], asleep["chunks"]) == ("asleep", 4)
    assert asleep["score_s"] >= 0.2
    assert report["ratios"]["over_ideal_4"] == asleep["over_ideal"] >= 1.0
    for row in (identity, asleep):
        assert not [key for key, value in row.items() if value is None and key != "over_ideal"]
        assert {"host_mb", "azurite_mb", "warm_python_mb", "stitch_s", "publish_s", "end_s"} <= row.keys()
    assert len(report["goals"]) == 5
