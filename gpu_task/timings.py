"""Where a task's seconds went: sums per stage for the result message, a row per frame for the timings blob, and when
each stage was at work, from which the app makes the task's spans."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from contracts.measured import MAX_DEVICE_CHARACTERS
from contracts.messages import GpuResult, StageSeconds
from contracts.task_record import MAX_RECORD_REASON, MOST_INTERVALS, Interval, TaskRecord
from contracts.task_spec import TaskIdentity

# Stages of the pipeline -> seconds.
type Seconds = dict[str, float]

STAGES = tuple(name for name in StageSeconds.model_fields if name != "total")


@dataclass(frozen=True)
class PipelineSeconds:
    """How well the stages of a chunk overlapped: `wall` is from the first frame's decoding to the file's end.

    Each stage has a thread of its own, which was `busy` or `waited` for its neighbours; with enough processors the wall
    is little more than what the slowest was busy. `decode` counts the download, `score` what it waited for the device;
    `batch` puts frames together. `lasted` is from a stage's first frame to its last, in seconds after the beginning.
    """

    wall: float
    busy: Seconds
    waited: Seconds
    lasted: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    @property
    def slowest(self) -> tuple[str, float]:
        """The stage that was busy longest, and its seconds."""
        return max(self.busy.items(), key=lambda stage: stage[1])


class Timings:
    """Wall seconds. `began` is a `time.perf_counter()` reading: when the program started."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._began_at = time.time() - (time.perf_counter() - began)
        self._intervals: list[Interval] = []
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._frames: list[dict[str, float]] = []
        self.pipeline: PipelineSeconds | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the block's seconds to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            ended = time.perf_counter()
            self.add(name, ended - start)
            self.lasted(name, start, ended)

    def add(self, stage: str, seconds: float) -> None:
        """Raises: KeyError for a stage that `StageSeconds` has not."""
        self._seconds[stage] += seconds

    def lasted(self, stage: str, begin: float, end: float) -> None:
        """When a stage was at work: two `time.perf_counter()` readings."""
        begin, end = max(0.0, begin - self._began), max(0.0, end - self._began)
        self._intervals.append(Interval(stage=stage, begin=round(begin, 6), end=round(end, 6)))

    def pipelined(self, begun: float, pipeline: PipelineSeconds) -> None:
        """A pipeline that began at `begun`, a `time.perf_counter()` reading."""
        self.pipeline = pipeline
        for stage, (begin, end) in pipeline.lasted.items():
            self.lasted(stage, begun + begin, begun + end)

    def queued(self, submitted_at: float | None) -> None:
        """From submission (Unix seconds, another machine's clock) to the program's start."""
        if submitted_at is not None:
            self._seconds["queue"] = max(0.0, self._began_at - submitted_at)

    def started(self) -> None:
        """All until now was start-up."""
        now = time.perf_counter()
        self._seconds["start"] = now - self._began
        self.lasted("start", self._began, now)

    def frame(self, number: int, decode: float, score: float, encode: float) -> None:
        """One frame's share of each stage."""
        self._frames.append({"frame": number, "decode": decode, "score": score, "encode": encode})
        for stage, seconds in (("decode", decode), ("score", score), ("encode", encode)):
            self.add(stage, seconds)

    def downloaded(self, seconds: float) -> None:
        """Seconds that decoders waited for the source's bytes: moved from `decode` to `download`. With several of them
        they may be more than those that frames were waited for."""
        self.add("download", seconds)
        self._seconds["decode"] = max(0.0, self._seconds["decode"] - seconds)

    def seconds(self) -> StageSeconds:
        return StageSeconds(**self._seconds, total=time.perf_counter() - self._began)

    def record(self, identity: TaskIdentity, result: GpuResult) -> TaskRecord:
        """All of it but the rows per frame, of which the slowest stands for all."""
        slowest = max(self._frames, key=_frame_seconds, default=None)
        return TaskRecord(
            task=identity.task,
            chunk=identity.chunk,
            piece=identity.piece,
            attempt=identity.attempt,
            outcome=result.outcome,
            submitted=identity.submitted_at,
            began=self._began_at,
            seconds=StageSeconds(**{name: round(value, 6) for name, value in result.seconds}),
            intervals=tuple(self._intervals[:MOST_INTERVALS]),
            frames=len(self._frames),
            slowest_frame=None if slowest is None else (int(slowest["frame"]), round(_frame_seconds(slowest), 6)),
            device=result.device[:MAX_DEVICE_CHARACTERS],
            reason=None if result.reason is None else result.reason[:MAX_RECORD_REASON],
        )

    def to_json(self, **facts: Any) -> str:
        """Stages, frames and whatever else is worth keeping."""
        frames = [{key: round(value, 6) for key, value in row.items()} for row in self._frames]
        pipeline = {} if self.pipeline is None else {"pipeline": asdict(self.pipeline)}
        return json.dumps({**facts, "seconds": self.seconds().model_dump(), **pipeline, "frames": frames})


def _frame_seconds(row: dict[str, float]) -> float:
    return row["decode"] + row["score"] + row["encode"]
