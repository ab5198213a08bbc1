"""What a suite's runs came to: a table for people, JSON for the record."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from benchmarks import machine
from tests.chaos.faults.catalogue import FAULTS
from tests.chaos.run import Outcome

_RESULTS = ("completed", "completed after retries", "failed", "VIOLATION")
_HEADINGS = ("runs", "completed", "retried", "failed", "VIOLATION", "missed", "worst recovery")


def line(outcome: Outcome) -> str:
    """One run, with what was broken and what went wrong."""
    broke = "; ".join(text or "came too late" for text in outcome.broke)
    said = f"{outcome.seed}: {outcome.result} in {outcome.seconds} s (+{outcome.recovery_seconds}) | {broke}"
    if outcome.reason:
        said += f"\n    reason: {outcome.reason}"
    return "".join([said, *(f"\n    PROBLEM: {problem}" for problem in outcome.problems)])


def table(outcomes: Sequence[Outcome]) -> str:
    """Fault by runs by outcome; a run with two faults counts for each. `missed`: the job was over too early."""
    rows: list[tuple[str, ...]] = [("fault", *_HEADINGS)]
    for fault in FAULTS:
        mine = [outcome for outcome in outcomes if fault in outcome.faults]
        if not mine:
            continue
        counts = [sum(outcome.result == result for outcome in mine) for result in _RESULTS]
        missed = sum(outcome.broke[outcome.faults.index(fault)] is None for outcome in mine)
        worst = max(outcome.recovery_seconds for outcome in mine)
        rows.append((fault, *(str(count) for count in (len(mine), *counts, missed)), f"{worst:.0f} s"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    failed = {"+".join(one.faults): one.reason for one in reversed(outcomes) if one.result == "failed" and one.reason}
    return "\n".join([*lines, *(f"{faults} failed with, say: {failed[faults][:200]}" for faults in sorted(failed))])


def record(outcomes: Sequence[Outcome], seed: int, seconds: float) -> dict[str, Any]:
    """Everything, so that any run can be repeated: `python -m tests.chaos --only SEED`."""
    return {
        "machine": machine.describe(),
        "seed": seed,
        "seconds": round(seconds, 1),
        "runs": len(outcomes),
        "violations": sum(outcome.result == "VIOLATION" for outcome in outcomes),
        "outcomes": [dataclasses.asdict(outcome) for outcome in outcomes],
    }
