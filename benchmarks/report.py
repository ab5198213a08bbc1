"""The one shape of a benchmark's figures: `results/<name>.json`, written and read here.

    from benchmarks.report import Goal, write_report

    goals = [Goal("Fan-out costs at most 5 % over the work itself", "<= 1.05", ratios["fan_out"], "polling of Batch")]
    write_report("fan_out", settings={"tasks": 64}, results=[{"tasks": 64, "seconds": 3.1}],
                 ratios={"fan_out": 1.04}, goals=goals)

`results` are rows for a table: dicts of the same keys, in the order they are to be shown. `Goal.met` follows from limit
and figure; a goal that could not be measured has `measured=None`, and its `why` says the reason. A name may have a
suffix after a hyphen for another machine's figures: `scoring-h100` is of module `benchmarks.scoring`.
"""

import datetime
import json
import operator
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine

RESULTS = Path(__file__).parent / "results"
COMPARISONS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


@dataclass(frozen=True)
class Goal:
    """A goal and what became of it. `limit` is `<=`, `>=` or `==` and a number; `why` is what bounds the figure.

    Raises:
        ValueError: the limit is something else.
    """

    goal: str
    limit: str
    measured: float | None
    why: str

    def __post_init__(self) -> None:
        _compare(self.limit, 0.0)

    @property
    def met(self) -> bool | None:
        return None if self.measured is None else _compare(self.limit, self.measured)


@dataclass(frozen=True)
class Report:
    """A result file. `machine` is `benchmarks.machine.describe()`, `when` an ISO date, `command` what made it."""

    name: str
    machine: Mapping[str, Any]
    when: str
    command: str
    settings: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    ratios: Mapping[str, float]
    goals: Sequence[Goal]

    @property
    def module(self) -> str:
        return self.name.partition("-")[0]


def write_report(
    name: str,
    *,
    settings: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    ratios: Mapping[str, float],
    goals: Sequence[Goal],
    folder: Path = RESULTS,
) -> Report:
    """Write `<folder>/<name>.json` with the machine, the date and this command, and tell the goals on stdout."""
    when = datetime.datetime.now(datetime.UTC).date().isoformat()
    command = shlex.join(["python", "-m", f"benchmarks.{name.partition('-')[0]}", *sys.argv[1:]])
    report = Report(name, machine.describe(), when, command, settings, results, ratios, goals)
    path = folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = asdict(report) | {"goals": [asdict(goal) | {"met": goal.met} for goal in goals]}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    for goal in goals:
        print(f"{verdict(goal)}: {goal.goal} (limit {goal.limit}, measured {goal.measured}); {goal.why}")
    print(f"written: {path}")
    return report


def read_report(path: Path) -> Report:
    """Raises: ValueError when the file has another shape; it names the file and the key."""
    content = json.loads(path.read_text())
    try:
        goals = [Goal(row["goal"], row["limit"], row["measured"], row["why"]) for row in content["goals"]]
        rest = {key: content[key] for key in Report.__dataclass_fields__ if key != "goals"}
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a benchmark's report, {error!r}; measure it anew") from error
    return Report(**rest, goals=goals)


def verdict(goal: Goal) -> str:
    return {True: "met", False: "not met", None: "not measured"}[goal.met]


def _compare(limit: str, value: float) -> bool:
    sign, _, number = limit.partition(" ")
    try:
        return COMPARISONS[sign](value, float(number))
    except (KeyError, ValueError):
        raise ValueError(f"limit {limit!r}; give <=, >= or ==, a space and a number, as in '<= 1.10'") from None
