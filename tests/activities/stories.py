"""Runs as they might be told."""

from activities.batch_times import BatchTimes
from activities.run_story import RunStory, TaskStory
from activities.task_records import TaskLog
from contracts.messages import StageSeconds
from contracts.steps import RunEnd, RunRef
from contracts.task_record import Interval, TaskRecord

RUN = RunRef(job="clip-0123", run=1)
PHASES = (("probing", 100.0), ("preparing", 101.0), ("scoring", 102.0), ("stitching", 120.0), ("finished", 121.0))


def record(task: str, attempt: int, outcome: str = "succeeded", **more: object) -> TaskRecord:
    """A task of chunk 0: submitted at 103, begun at 105, ended at 110; five frames."""
    seconds = StageSeconds(queue=2.0, start=1.0, decode=1.5, score=2.0, encode=1.0, upload=0.5, total=5.0)
    intervals = (
        Interval(stage="start", begin=0.0, end=1.0),
        Interval(stage="decode", begin=1.0, end=3.5),
        Interval(stage="score", begin=1.5, end=4.0),
        Interval(stage="upload", begin=4.5, end=9.0),  # a clock that jumped
    )
    known = {"submitted": 103.0, "began": 105.0, "seconds": seconds, "intervals": intervals, "frames": 5}
    about = {"task": task, "chunk": 0, "attempt": attempt, "outcome": outcome, "slowest_frame": (3, 0.9)}
    return TaskRecord.model_validate(known | about | more)


def retried() -> RunStory:
    """Chunk 0 succeeded at its third attempt: the first died without a word, the second said that it failed."""
    batch = BatchTimes(created=102.5, started=102.6, ended=102.9, node="node-1", problem="TaskEnded: killed")
    second = record("c00000-a2", 2, "failed", reason="OSError: no space")
    tasks = (
        TaskStory("c00000-a1", None, batch),
        TaskStory("c00000-a2", TaskLog(1, "c00000-a2", 10, 20, second), None),
        TaskStory(
            "c00000-a3", TaskLog(1, "c00000-a3", 10, 20, record("c00000-a3", 3, submitted=111.0, began=112.0)), None
        ),
    )
    end = RunEnd(outcome="finished")
    return RunStory(RUN, end, None, 99.0, 121.0, PHASES, cost=1.5, tasks=tasks)
