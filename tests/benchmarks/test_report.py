import json
import sys
from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.report import Goal, read_report, verdict, write_report


@pytest.mark.parametrize(
    ("limit", "measured", "met"),
    [("<= 1.10", 1.10, True), ("<= 1.10", 1.11, False), (">= 8", 8.5, True), (">= 8", 7.9, False),
     ("== 0", 0, True), ("== 0", 1, False), ("<= 1.10", None, None)],
)  # fmt: skip
def test_a_goal_is_met_by_its_limit(limit: str, measured: float | None, met: bool | None) -> None:
    assert Goal("speed", limit, measured, "cores").met is met


@pytest.mark.parametrize("limit", ["1.10", "< 1.10", "<= fast", ""])
def test_a_limit_without_a_meaning_is_refused(limit: str) -> None:
    with pytest.raises(ValueError, match=r"as in '<= 1\.10'"):
        Goal("speed", limit, 1.0, "cores")


def test_what_is_written_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks/scoring.py", "--runs", "3", "--clip", "my clip.mp4"])
    goals = [Goal("as fast as the bare network", "<= 1.05", 1.2, "copies"), Goal("on a GPU", "<= 1.05", None, "no GPU")]
    rows = [{"device": "cpu", "ms": 80.5}]

    written = write_report("scoring-h100", settings={"runs": 3}, results=rows, ratios={"a": 1.2}, goals=goals,
                           folder=tmp_path)  # fmt: skip

    assert read_report(tmp_path / "scoring-h100.json") == written
    assert written.module == "scoring"
    assert written.command == "python -m benchmarks.scoring --runs 3 --clip 'my clip.mp4'"
    assert written.machine == machine.describe()
    content = json.loads((tmp_path / "scoring-h100.json").read_text())
    assert [goal["met"] for goal in content["goals"]] == [False, None]
    assert [verdict(goal) for goal in written.goals] == ["not met", "not measured"]


def test_a_file_of_another_shape_is_named(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('{"runs": 3, "wall_ratio": 1.03}')

    with pytest.raises(ValueError, match=r"old\.json.*'goals'"):
        read_report(tmp_path / "old.json")
