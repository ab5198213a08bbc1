"""The table that lies beside a run's logs."""

import csv

from activities.run_story import TaskStory
from activities.run_summary import COLUMNS, summary_csv
from activities.task_records import TaskLog
from tests.activities.stories import record, retried


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_each_task_has_its_seconds_per_stage_and_per_frame() -> None:
    first, second, third = rows(summary_csv(retried().tasks))
    assert list(first) == list(COLUMNS)
    assert (first["outcome"], first["node"], first["reason"], first["total_s"]) == (
        "failed",
        "node-1",
        "TaskEnded: killed",
        "",
    )
    assert (second["outcome"], second["reason"]) == ("failed", "OSError: no space")
    told = {"task": "c00000-a3", "chunk": "0", "attempt": "3", "outcome": "succeeded", "frames": "5", "reason": ""}
    times = {"queue_s": "2.0", "start_s": "1.0", "score_s": "2.0", "total_s": "5.0"}
    frames = {"ms_per_frame": "800.0", "slowest_frame": "3", "slowest_frame_ms": "900.0"}
    assert third | told | times | frames == third


def test_what_a_node_says_is_no_formula() -> None:
    said = record("c00000-a1", 1, device="=cmd|' /C calc'!A0")
    [row] = rows(summary_csv([TaskStory("c00000-a1", TaskLog(1, "c00000-a1", 1, 1, said), None)]))
    assert row["device"].startswith("'=")
