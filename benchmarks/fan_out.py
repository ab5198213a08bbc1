"""What the workflow adds to the work itself: many small chunks on simulated nodes, on this machine.

python -m benchmarks.fan_out [--chunks 50,100,200,1000] [--asleep 50,200,1000] [--nodes 8] [--seconds 1]

Two kinds of jobs, of one frame a chunk. `identity` does nothing with it: what is left is the system's own cost, per
chunk. `asleep` waits a second (see benchmarks.sleeping_task), as a GPU would work: the time from the fan-out to the
last verified chunk, over the ideal of chunks x seconds / nodes. All nodes, storage, host and workflow share this
machine's cores, so that the nodes' own work (reading the task, decoding, encoding, uploading) is measured too.

The defaults take about 9 minutes on two quiet cores.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.fan_out_stack import FanOut, fan_out_stack, make_clip
from benchmarks.report import RESULTS, Goal, Report, write_report

IDENTITY, ASLEEP = "python -m gpu_task", "python -m benchmarks.sleeping_task"
# Stages that every task tells, and those that a sample of histories tells.
TASK_STAGES = ("queue", "launch", "start", "input and output", "score", "report")
FEW, MANY, WIDE = 50, 1_000, 200  # chunks of the goals
BASE = 100
# Why submission is not batched: a chunk's message waits in Batch's queue most of the time, and creating its task is
# one of some 25 requests that a chunk costs; the scheduler never ran dry.
NOTES = (
    "submission is one create_task per message: it costs 2-3 ms of a chunk's CPU time, and tasks wait for nodes, not "
    "nodes for tasks; batches of create_tasks and of queue writes would gain nothing that can be seen here"
)


def main(arguments: Sequence[str] | None = None, folder: Path = RESULTS) -> Report:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=_counts, default=(FEW, BASE, WIDE, MANY), help="of jobs that do nothing")
    parser.add_argument("--asleep", type=_counts, default=(FEW, WIDE, MANY), help="of jobs that wait")
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0, help="that a chunk of a waiting job takes")
    args = parser.parse_args(arguments)
    if reason := machine.busy():
        print(f"warning: {reason}")
    runs: dict[tuple[str, int], FanOut] = {}
    for kind, command, counts in (
        ("identity", IDENTITY, args.chunks),
        ("asleep", f"{ASLEEP} {args.seconds}", args.asleep),
    ):
        runs |= {(kind, run.chunks): run for run in measure(command, counts, args.nodes)}
    ratios = _ratios(runs, args.nodes, args.seconds)
    settings = {"nodes": args.nodes, "seconds": args.seconds, "frames_per_chunk": 1, "notes": NOTES}
    rows = [row(kind, run, args.nodes, args.seconds) for (kind, _), run in runs.items()]
    return write_report("fan_out", settings=settings, results=rows, ratios=ratios, goals=goals(ratios), folder=folder)


def measure(command: str, counts: Sequence[int], nodes: int) -> Iterable[FanOut]:
    """One stack for all counts, the smallest first."""
    if not counts:
        return
    with tempfile.TemporaryDirectory(prefix="atelier-fan-out-") as name:
        state = Path(name)
        with fan_out_stack(state, nodes, command) as stack:
            for count in sorted(counts):
                run = stack.score(make_clip(state / f"clip{count}.mp4", count), count)
                print(
                    f"{command}: {count} chunks: scoring {run.scoring:.1f} s, job {run.wall:.1f} s, CPU {run.cpu:.1f} s"
                )
                yield run


def row(kind: str, run: FanOut, nodes: int, seconds: float) -> dict[str, Any]:
    """One job's figures; seconds of stages are medians over its chunks."""
    busy = sum(task["node"] for task in run.tasks) / nodes
    stages = {f"{name}_s": _median(task[name] for task in run.tasks) for name in TASK_STAGES}
    told = {f"{name}_s": _median(chunk[name] for chunk in run.told) for name in ("told", "verify")}
    return {
        "scorer": kind,
        "chunks": run.chunks,
        "scoring_s": round(run.scoring, 2),
        **{f"{phase}_s": round(seconds, 2) for phase, seconds in run.after.items()},
        "job_s": round(run.wall, 2),
        "over_ideal": round(run.scoring * nodes / (run.chunks * seconds), 3) if kind == "asleep" else None,
        "nodes_busy": round(busy / run.scoring, 3),
        "cpu_ms_per_chunk": round(1000 * run.cpu / run.chunks, 1),
        "wall_ms_per_chunk": round(1000 * run.scoring / run.chunks, 1),
        **stages,
        **told,
        "status_ms": _median(status.milliseconds for status in run.statuses),
        "status_bytes": _median(status.bytes for status in run.statuses),
        "task_peak_mb": round(max(task["peak_megabytes"] for task in run.tasks), 1),
        **{f"{part.replace(' ', '_')}_mb": size for part, size in sorted(run.megabytes.items())},
    }


def goals(ratios: Mapping[str, float]) -> list[Goal]:
    simulated = "the nodes' own work shares two cores with the workflow, storage and Batch; on a GPU node it does not"
    return [
        Goal(f"{WIDE} chunks of 1 s on 8 nodes take little more than {WIDE} s / 8", "<= 1.05",
             ratios.get(f"over_ideal_{WIDE}"),
             f"each task reads, decodes, encodes and reports around its second; {simulated}"),
        Goal(f"a chunk of {MANY:,} costs little more than one of {BASE}", "<= 1.2", ratios.get("cost_per_chunk"),
             "the larger of the ratios in wall time and in CPU time; replays grow with a group, listings with a job"),
        Goal("no part of the system uses more than 500 MB", "<= 500", ratios.get("peak_megabytes"),
             "the largest of host and Batch service (one process), Azurite and the warm Python"),
        Goal(f"a status query costs the same at {MANY:,} chunks as at {FEW}: time", "<= 1.5", ratios.get("status_ms"),
             "median while scoring, on cores that are busy"),
        Goal(f"a status query costs the same at {MANY:,} chunks as at {FEW}: bytes", "<= 1.1",
             ratios.get("status_bytes"), "the status has no part that grows with chunks"),
    ]  # fmt: skip


def _ratios(runs: Mapping[tuple[str, int], FanOut], nodes: int, seconds: float) -> dict[str, float]:
    found = {
        f"over_ideal_{chunks}": run.scoring * nodes / (chunks * seconds)
        for (kind, chunks), run in runs.items()
        if kind == "asleep"
    }
    base, few, many = (runs.get(("identity", count)) for count in (BASE, FEW, MANY))
    if base and many:
        found["wall_per_chunk"] = (many.scoring / many.chunks) / (base.scoring / base.chunks)
        found["cpu_per_chunk"] = (many.cpu / many.chunks) / (base.cpu / base.chunks)
        found["cost_per_chunk"] = max(found["wall_per_chunk"], found["cpu_per_chunk"])
    if few and many and few.statuses and many.statuses:
        for name, one in (("status_ms", "milliseconds"), ("status_bytes", "bytes")):
            medians = [statistics.median(getattr(status, one) for status in run.statuses) for run in (many, few)]
            found[name] = medians[0] / medians[1]
    if runs:
        found["peak_megabytes"] = max(size for run in runs.values() for size in run.megabytes.values())
    return {name: round(value, 3) for name, value in found.items()}


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return round(statistics.median(known), 3) if known else None


def _counts(text: str) -> tuple[int, ...]:
    """`50,200` as (50, 200); nothing as ()."""
    if not all(part.isdigit() and int(part) > 0 for part in text.split(",") if part):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 50,200")
    return tuple(int(part) for part in text.split(",") if part)


if __name__ == "__main__":
    main()
