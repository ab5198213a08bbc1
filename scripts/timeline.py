"""One picture of a run: what the workflow, the queue and each node did when.

python -m scripts.timeline TRACES.jsonl OUT.png [--job JOB]

The local stack writes TRACES.jsonl into its state folder: .local/telemetry/traces.jsonl, or
.local/demo/telemetry/traces.jsonl for `make demo`. Without --job it is the run that began last.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from scripts.timeline_picture import Bar, Lane, Picture
from scripts.trace_file import Told, read_run

PHASES = ("probing", "preparing", "scoring", "stitching", "publishing")
WAITING = ("queue", "wait for a node", "launch")
# In the order of a frame's way; a stage that is not among them comes after these.
STAGES = ("start", "download", "decode", "score", "steady", "encode", "stitch", "upload", "unknown")
# Rows of waiting tasks: more are told in words.
MOST_WAITING = 24


def picture_of(spans: Sequence[Told]) -> Picture:
    """`spans` as `read_run` gives them."""
    run, nodes = spans[0], defaultdict[str, list[Told]](list)
    tasks = [span for span in spans if span.name == "task"]
    for task in tasks:
        nodes[str(task.about.get("node") or "")].append(task)
    lanes = [_workflow(spans), *_app(spans), *_waiting(spans, tasks)]
    unknown = nodes.pop("", [])  # Batch no longer knows where they ran
    for number, (_, mine) in enumerate(sorted(nodes.items()), 1):
        lanes += _node(f"node {number}", mine, spans)
    lanes += _node("some node", unknown, spans)
    frames = sum(int(task.about.get("frames", 0)) for task in tasks if not task.failed)
    facts = [f"{len(tasks)} GPU tasks", f"{len(nodes)} nodes", f"{run.end - run.begin:.1f} s"]
    if frames:
        facts.insert(0, f"{frames} frames scored")
    return Picture(f"Job {run.about.get('job')}", ", ".join(facts), max(span.end for span in spans), tuple(lanes))


def _workflow(spans: Sequence[Told]) -> Lane:
    bars = tuple(Bar(span.begin, span.end, span.name, span.name) for span in spans if span.name in PHASES)
    return Lane("workflow", "phases", bars, 22)


def _app(spans: Sequence[Told]) -> list[Lane]:
    """What the app itself did: activities and messages. Those of one time lie below each other."""
    known = (*PHASES, "job", "chunk", "fit", "stitch", "task")
    rows = _rows([span for span in spans if span.name not in known and "node" not in span.about])
    return [
        Lane("app" if not at else "", "activities, messages" if not at else "", tuple(_of_app(s) for s in row), 9)
        for at, row in enumerate(rows)
    ]


def _of_app(span: Told) -> Bar:
    return Bar(span.begin, span.end, "app", "", span.failed is not None)


def _waiting(spans: Sequence[Told], tasks: Sequence[Told]) -> list[Lane]:
    shown = sorted(tasks, key=lambda task: str(task.about.get("task")))[:MOST_WAITING]
    lanes: list[Lane] = []
    for at, task in enumerate(shown):
        parts = [span for span in spans if span.parent == task.id and span.name in WAITING]
        bars = tuple(Bar(part.begin, part.end, part.name, "") for part in parts)
        more = f" (first {MOST_WAITING} of {len(tasks)})" if at == 0 and len(tasks) > MOST_WAITING else ""
        lanes.append(Lane("" if at else f"waiting{more}", _short(task), bars, 9))
    return lanes


def _node(name: str, tasks: Sequence[Told], spans: Sequence[Told]) -> list[Lane]:
    """A row for the tasks and one for each stage; a node that runs several tasks at once has such rows for each."""
    lanes: list[Lane] = []
    for slot, row in enumerate(_rows(tasks, _launched(spans))):
        ids = {task.id for task in row}
        begun = _launched(spans)
        bars = tuple(Bar(begun.get(t.id, t.begin), t.end, "task", _short(t), t.failed is not None) for t in row)
        lanes.append(Lane("" if slot else name, "task", bars, 18))
        stages = [s for s in spans if s.parent in ids and "node" in s.about and s.name not in WAITING]
        for stage in sorted({s.name for s in stages}, key=_order):
            mine = tuple(Bar(s.begin, s.end, stage, "") for s in stages if s.name == stage)
            lanes.append(Lane("", stage, mine, 11))
    return lanes


def _order(stage: str) -> tuple[int, str]:
    return (STAGES.index(stage) if stage in STAGES else len(STAGES), stage)


def _launched(spans: Sequence[Told]) -> dict[str, float]:
    """When the program of each task (by its span's id) was started: until then it waited."""
    found: dict[str, float] = {}
    for span in spans:
        if span.parent and span.name in WAITING:
            found[span.parent] = max(found.get(span.parent, 0.0), span.end)
    return found


def _rows(spans: Sequence[Told], begun: dict[str, float] | None = None) -> list[list[Told]]:
    """`spans` in as few rows as keep those of one time apart."""
    rows: list[list[Told]] = []
    begin = begun or {}
    for span in sorted(spans, key=lambda span: begin.get(span.id, span.begin)):
        free = (row for row in rows if row[-1].end <= begin.get(span.id, span.begin))
        row = next(free, None)
        if row is None:
            rows.append(row := [])
        row.append(span)
    return rows


def _short(task: Told) -> str:
    """`c3`, `c3 (100-149)` for a piece of it, with the attempt where it is not the first."""
    work, _, attempt = str(task.about.get("task", "?")).rpartition("-a")
    head, _, piece = work.partition("-")
    name = f"c{int(head[1:])}" if head[1:].isdecimal() else head
    return f"{name}{f' ({piece})' if piece else ''}{f' attempt {attempt}' if attempt != '1' else ''}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.timeline", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("traces", type=Path, metavar="TRACES.jsonl")
    parser.add_argument("out", type=Path, metavar="OUT.png")
    parser.add_argument("--job", metavar="JOB")
    options = parser.parse_args(arguments)
    try:
        spans = read_run(options.traces, options.job)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    picture_of(spans).draw().save(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
