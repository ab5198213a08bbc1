"""Predicted against actual, in words."""

from typing import Any

import pytest

from client import expectation
from client.clock import spell
from client.job_state import JobState
from client.report import as_json, print_state
from tests.client.fake_function_app import RUNNING, status

MAKESPAN = {"expected_seconds": 65.2, "actual_seconds": 72.0, "waiting_seconds": 1.0, "frames": 180}


def finished(**makespan: Any) -> JobState:
    result = {"job": "some-0001", "output": "some-0001/video.mp4", "cost": 0.25, "makespan": MAKESPAN | makespan}
    seen = {"runtimeStatus": "Completed", "customStatus": status("finished", expected_seconds=65.2), "output": result}
    return JobState.parse({"job": "some-0001"} | seen)


@pytest.mark.parametrize(("seconds", "text"), [(0.42, "0.4 s"), (75, "1:15 min"), (3661, "1:01:01 h")])
def test_spell(seconds: float, text: str) -> None:
    assert spell(seconds) == text


@pytest.mark.parametrize(
    ("makespan", "text"),
    [
        (
            {},
            "scored 180 frames in 1:12 min; expected 1:05 min, by the settings' defaults: no job like it had been "
            "measured",
        ),
        (
            {"figures": "measured", "measured_jobs": 3},
            "scored 180 frames in 1:12 min; expected 1:05 min, as measured by 3 earlier jobs like it",
        ),
        (
            {"figures": "scaled", "measured_jobs": 1, "waiting_seconds": 45.0},
            "scored 180 frames in 1:12 min after waiting 45.0 s for a node; expected 1:05 min, scaled from 1 earlier "
            "job of another size or way to run",
        ),
        (
            {"frames": 60, "earlier_frames": 120},
            "scored 60 frames in 1:12 min; an earlier run had done 120, so the 1:05 min expected for all do not "
            "compare",
        ),
        ({"frames": 0, "earlier_frames": 180}, None),
    ],
)
def test_predicted_and_actual_are_told_together_with_where_the_prediction_is_from(
    makespan: dict[str, Any], text: str | None
) -> None:
    assert expectation.told(finished(**makespan)) == text


def test_nothing_is_told_of_a_job_that_has_not_finished_or_says_nothing_of_it() -> None:
    assert expectation.told(JobState.parse({"job": "some-0001"} | RUNNING)) is None
    assert expectation.told(finished(frames=0)) is None


def test_a_finished_job_is_told_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_state(finished(figures="measured", measured_jobs=3))
    assert "  scored 180 frames in 1:12 min; expected 1:05 min" in capsys.readouterr().out


def test_machines_are_told_the_same() -> None:
    told = as_json(finished())
    assert told["expected_seconds"] == 65.2
    assert told["makespan"] == MAKESPAN | {"earlier_frames": 0, "figures": "default", "measured_jobs": 0}
