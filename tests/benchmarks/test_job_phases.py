import json
from datetime import UTC, datetime
from typing import Any

import pytest

from benchmarks.job_phases import phases, score_phase, task_times


def at(second: float) -> str:
    return datetime.fromtimestamp(1_000_000 + second, UTC).isoformat().replace("+00:00", "Z")


def when(second: float) -> datetime:
    return datetime.fromtimestamp(1_000_000 + second, UTC)


def did(name: str, begin: float, end: float) -> dict[str, Any]:
    kind = "SubOrchestrationInstanceCompleted" if name.startswith("score_") else "TaskCompleted"
    return {"EventType": kind, "FunctionName": name, "ScheduledTime": at(begin), "Timestamp": at(end)}


JOB = [
    {"EventType": "ExecutionStarted", "Timestamp": at(1), "FunctionName": "score_video"},
    did("probe_video", 1, 1.5),
    did("plan_chunks", 1.5, 1.75),
    {"EventType": "TimerFired", "Timestamp": at(3)},
    did("measure_progress", 3, 3.25),
    did("score_chunk", 2, 10),
    did("score_chunk", 2, 12),
    did("stitch_video", 12, 13),
    did("bless", 13, 13.5),
    {"EventType": "ExecutionCompleted", "Timestamp": at(14)},
]


def test_phases_add_up_to_the_time_the_user_waited() -> None:
    found = phases(JOB, when(0), when(16))

    assert found == {
        "client and upload": 1.0,
        "probe": 0.5,
        "plan": 0.25,
        "score": 10.0,
        "stitch": 1.0,
        "bless": 0.5,
        "notice and download": 2.0,
        "between": 0.75,
    }
    assert sum(found.values()) == 16


def test_a_job_that_goes_on_has_no_phases_yet() -> None:
    with pytest.raises(ValueError, match="the job has not ended"):
        phases(JOB[:-1], when(0), when(16))


def chunk(outcome: str = "succeeded", total: float = 6.0) -> list[dict[str, Any]]:
    stages = {"queue": 0.5, "start": 1.0, "decode": 0.5, "score": 4.0, "encode": 0.25, "upload": 0.125, "total": total}
    result = json.dumps({"outcome": outcome, "seconds": stages, "device": "cpu"})
    return [
        {"EventType": "ExecutionStarted", "Timestamp": at(2), "FunctionName": "score_chunk"},
        did("submit_chunk", 2, 2.5),
        {"EventType": "EventRaised", "Timestamp": at(10), "Name": "gpu-task-finished", "Input": result},
        did("verify_chunk", 10, 10.5),
    ]


def test_a_chunk_tells_how_long_its_task_waited_and_how_late_it_was_heard() -> None:
    found = task_times(chunk())

    assert found is not None
    assert (found["queue"], found["start"], found["ended"] - 1_000_000) == (0.5, 1.0, 9.0)
    assert found["told"] == pytest.approx(1.0)


@pytest.mark.parametrize("history", [chunk()[:2], chunk("failed"), chunk()[2:]])
def test_a_chunk_without_a_task_that_succeeded_tells_nothing(history: list[dict[str, Any]]) -> None:
    assert task_times(history) is None


def test_the_slowest_of_the_tasks_counts_and_how_far_apart_they_ended() -> None:
    tasks = [found for total in (6.0, 6.5) if (found := task_times(chunk(total=total)))]

    assert score_phase(tasks) == {
        "queue": 0.5, "start": 1.0, "upload": 0.125, "told": 1.0, "ended apart": 0.5,
        "decode, all tasks": 1.0, "score, all tasks": 8.0, "encode, all tasks": 0.5,
    }  # fmt: skip
