"""A run's spans, from what is known of it once it is over: see `telemetry.ids` for the tree that they make.

What the app itself does (activities, messages) it tells when it happens; these are of what happened elsewhere.
"""

from collections import defaultdict
from collections.abc import Iterator

from activities.run_story import RunStory, TaskStory
from contracts import layout
from contracts.task_record import TaskRecord
from telemetry.ids import RunSpans
from telemetry.spans import Span

PHASE_OF = {"fit": "preparing", "score": "scoring", "stitch": "stitching"}
# Phases that last nothing: the run is over then.
OVER = ("finished", "failed", "cancelled")


def spans_of(story: RunStory) -> Iterator[Span]:
    refs = RunSpans(story.run.job, story.run.run)
    common = {"atelier.job": story.run.job, "atelier.run": story.run.run}
    request = story.start.request if story.start else None
    yield Span(
        "job",
        None,
        story.began,
        story.ended,
        refs.root,
        common
        | {
            "atelier.outcome": story.end.outcome,
            "atelier.scorer": story.scorer,
            "atelier.video": request.video if request else None,
            "atelier.style": request.style if request else None,
            "atelier.tasks": len(story.tasks),
            "atelier.cost": story.cost,
        },
        failed=(story.end.reason or "no reason given") if story.end.outcome == "failed" else None,
    )
    yield from _phases(story, refs, common)
    for work, tasks in _by_work(story).items():
        yield from _work(story, refs, work, tasks, common)


def _phases(story: RunStory, refs: RunSpans, common: dict[str, str | int]) -> Iterator[Span]:
    ends = [at for _, at in story.phases[1:]] + [story.ended]
    for (name, begin), end in zip(story.phases, ends, strict=True):
        if name not in OVER:
            yield Span(name, refs.root, begin, end, refs.phase(name), {**common, "atelier.phase": name})


def _by_work(story: RunStory) -> dict[str, list[TaskStory]]:
    found: dict[str, list[TaskStory]] = defaultdict(list)
    for task in story.tasks:
        if task.times() is not None:
            found[layout.work_name(task.name)].append(task)
    return found


def _work(
    story: RunStory, refs: RunSpans, work: str, tasks: list[TaskStory], common: dict[str, str | int]
) -> Iterator[Span]:
    """A chunk, a piece of one, a fit or a stitch: from its first attempt's submission to its last one's end."""
    kind, times = tasks[0].kind, [times for task in tasks if (times := task.times())]
    phase = PHASE_OF[kind]
    parent = refs.phase(phase) if phase in dict(story.phases) else refs.root
    here = {**common, "atelier.work": work}
    is_failed = all(task.is_failed for task in tasks)
    yield Span(
        "chunk" if kind == "score" else kind,
        parent,
        min(begin for begin, _ in times),
        max(end for _, end in times),
        refs.work(work),
        {**here, "atelier.attempts": len(tasks)},
        failed="every attempt failed" if is_failed else None,
    )
    for task in tasks:
        yield from _task(refs, task, here)


def _task(refs: RunSpans, task: TaskStory, common: dict[str, str | int]) -> Iterator[Span]:
    times, record = task.times(), task.record
    assert times is not None
    here = {**common, "atelier.task": task.name, "atelier.node": task.node or ""}
    yield Span(
        "task",
        refs.work(layout.work_name(task.name)),
        *times,
        refs.task(task.name),
        {
            **here,
            "atelier.kind": task.kind,
            "atelier.chunk": record.chunk if record else None,
            "atelier.attempt": record.attempt if record else None,
            "atelier.frames": record.frames if record else None,
            "atelier.device": record.device if record else None,
            "atelier.seconds_per_frame": record.seconds_per_frame if record else None,
            "atelier.slowest_frame": record.slowest_frame[0] if record and record.slowest_frame else None,
        },
        failed=task.reason if task.is_failed else None,
    )
    for number, (name, begin, end) in enumerate(_stages(task, record, times)):
        # Within the task, whatever clocks say.
        begin, end = max(begin, times[0]), min(end, times[1])
        if begin <= end:
            yield Span(name, refs.task(task.name), begin, end, refs.stage(task.name, number), here)


def _stages(
    task: TaskStory, record: TaskRecord | None, times: tuple[float, float]
) -> Iterator[tuple[str, float, float]]:
    """(name, begin, end): first the waiting, of which Batch knows the parts, then what the task's program did."""
    program = record.began if record else None
    batch = task.batch
    marks = [
        ("queue", batch.created if batch else None),
        ("wait for a node", batch.started if batch else None),
        ("launch", program),
    ]
    at = times[0]
    for name, end in marks:
        if end is not None:
            yield name, at, end
            at = max(at, end)
    if record is None:
        yield "unknown", at, times[1]
        return
    for interval in record.intervals:
        yield interval.stage, record.began + interval.begin, record.began + interval.end
