"""docs/performance.md, from the figures in `results/`.

python -m benchmarks.performance
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS, Goal, Report, read_report, verdict

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"

INTRODUCTION = """# Performance

How fast it is, beside something else that does the same work on the same machine. This page is written by
`python -m benchmarks.performance` from the files in `benchmarks/results/`; `make bench` measures all of them anew
(about 40 minutes on two cores that have nothing else to do) and writes it again. How good the pictures are:
[quality](quality.md)."""

# Module -> heading, and how it is measured in plain words.
SECTIONS = {
    "scoring": (
        "Scoring",
        "One worker on one device: decoded frames in, encoded frames out, beside the bare network (the same "
        "arithmetic and nothing else) and beside Johnson's network. Each speed-up has a row with the accuracy it kept.",
    ),
    "one_machine": (
        "The whole system on one machine",
        "A clip is submitted through the client to the local stack with two nodes, and to two programs that use no "
        "part of it: one process that decodes, paints and encodes on all cores, and a Ray Data pipeline with as many "
        "actors as the system has nodes. They take turns, and every result is checked: all frames, the source's "
        "sound, the same pictures. What the user waits counts, from the command to the downloaded file; the stack "
        "(which has had a job already) and Ray are up before. The second table says where the system's time went.",
    ),
    "fan_out": (
        "Fan-out",
        "Many GPU tasks that do nothing but wait a fixed time, so that what is left of the wall time is the workflow: "
        "orchestrations, queues, Batch, results.",
    ),
    "stitch": (
        "Stitching",
        "Segments joined into one file with the source's audio, beside FFmpeg's own concat demuxer with `-c copy`.",
    ),
    "start_up": (
        "Start-up",
        "How long a fresh process takes to import the Function App: what a cold start in Azure waits for.",
    ),
}
GPU = ("No GPU was available: not measured there. On a machine with one, `python -m benchmarks.scoring` writes its "
       "figures to a file of their own, and they appear here.")  # fmt: skip


def page(reports: Mapping[str, Report]) -> str:
    """The page of `reports`, by file name without suffix; it says of each benchmark without a file that it is missing.

    A file such as `scoring-h100` is another machine's: it stands in the section of its module.
    """
    parts = [INTRODUCTION, "## Goals", _goals(reports)]
    for module, (title, how) in SECTIONS.items():
        mine = [report for name, report in reports.items() if report.module == module]
        parts += [f"## {title}", how]
        parts += [text for report in mine for text in _section(report)] or [_missing(module)]
        if module == "scoring" and not any(_has_gpu(report) for report in mine):
            parts.append(GPU)
    return "\n\n".join(parts) + "\n"


def load(folder: Path = RESULTS) -> dict[str, Report]:
    """Every result file of a benchmark in `SECTIONS`, in their order. Raises: ValueError for one of another shape."""
    names = sorted(path.stem for path in folder.glob("*.json"))
    mine = [name for module in SECTIONS for name in names if name.partition("-")[0] == module]
    return {name: read_report(folder / f"{name}.json") for name in mine}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def number(value: Any) -> str:
    """As people read it: three or four figures, thousands apart; whatever is no number as it is."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"
    return str(value)


def _goals(reports: Mapping[str, Report]) -> str:
    rows = [(goal.goal, goal.limit, number(goal.measured), _verdict(goal), _shown_on(report), goal.why)
            for report in reports.values() for goal in report.goals]  # fmt: skip
    lines = [table(("Goal", "Limit", "Measured", "Verdict", "On", "What bounds it"), rows)] if rows else []
    missing = [module for module in SECTIONS if module not in {report.module for report in reports.values()}]
    if missing:
        lines.append(f"Not measured yet: {', '.join(missing)}.")
    return "\n\n".join(lines)


def _verdict(goal: Goal) -> str:
    said = verdict(goal)
    return f"**{said}**" if goal.met is False else said


def _section(report: Report) -> list[str]:
    settings = ", ".join(f"{key} {_plain(value)}" for key, value in report.settings.items())
    measured = f"Measured on {report.when} on {_machine(report.machine)} with `{report.command}`"
    parts = [f"{measured}: {settings}." if settings else f"{measured}."]
    for keys, rows in itertools.groupby(report.results, key=lambda row: tuple(row)):
        parts.append(table(keys, [[number(value) for value in row.values()] for row in rows]))
    if report.ratios:
        parts.append(table(("Ratio", "Measured"), [(name, number(value)) for name, value in report.ratios.items()]))
    return parts


def _missing(module: str) -> str:
    return f"Not measured yet: run `python -m benchmarks.{module}`."


def _machine(described: Mapping[str, Any]) -> str:
    gpu = "no GPU" if not _is_gpu(described) else described["gpu"]
    flags = described.get("cpu_flags", "unknown")
    software = f"{described.get('os', 'unknown system')}, Python {described['python']}, PyTorch {described['torch']}"
    hardware = f"{described['processor']} ({described['cores']} cores; {flags}), {described['memory_gib']} GiB, {gpu}"
    return f"{hardware}, {software}"


def _shown_on(report: Report) -> str:
    found = report.machine
    return str(found["gpu"] if _is_gpu(found) else f"{found['processor']}, {found['cores']} cores")


def _has_gpu(report: Report) -> bool:
    return _is_gpu(report.machine)


def _is_gpu(described: Mapping[str, Any]) -> bool:
    return described.get("gpu", "none") != "none"


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    return number(value)


if __name__ == "__main__":
    PAGE.write_text(page(load()))
    print(f"written: {PAGE}")
