"""How a job is cut into chunks, with the figures the cut was chosen by."""

from typing import Literal, Self

from pydantic import Field, model_validator

from contracts.model import BatchId, Contract
from contracts.task_spec import Execution

# Where a plan's figures of speed are from: earlier jobs of the same work and size, of the same work at another size or
# run otherwise, or the settings.
FiguresSource = Literal["measured", "scaled", "default"]


class Chunk(Contract):
    """Frames `first`..`last` (inclusive) of the source, scored by one GPU task.

    `warm_up` frames before `first` are decoded and scored but not written: pixels depend on them. A chunk with
    `reuse` is not scored: its frames are taken from the result of the job's `base`.
    """

    index: int = Field(ge=0)
    first: int = Field(ge=0)
    last: int = Field(ge=0)
    warm_up: int = Field(default=0, ge=0)
    reuse: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last: {self.last} is before first, {self.first}")
        if self.warm_up > self.first:
            raise ValueError(f"warm_up: {self.warm_up} frames before frame {self.first} do not exist")
        return self

    @property
    def frame_count(self) -> int:
        return self.last - self.first + 1


class PlanFigures(Contract):
    """What the planner assumed: seconds, workers, chance of losing a node, price.

    `workers` counts the tasks that run at once; each has `workers_per_task` to share its frames. `seconds_per_frame`
    are of one of those. `compile_seconds` are spent by the first task of every node. `fit_seconds` are those of fitting
    the style before any frame is scored, start-up included; 0 where it is fitted. `frame_size` is (width, height) of
    the frames as they are scored. `warm_up` is the number of frames before its own that a chunk has to score because
    pixels depend on them. `measured_jobs` are those whose figures of speed these are, or are derived from.
    """

    workers: int = Field(ge=1)
    start_up_seconds: float = Field(ge=0)
    seconds_per_frame: float = Field(gt=0)
    node_losses_per_hour: float = Field(ge=0)
    node_price_per_hour: float = Field(ge=0)
    workers_per_node: int = Field(default=1, ge=1)
    fit_seconds: float = Field(default=0.0, ge=0)
    workers_per_task: int = Field(default=1, ge=1)
    compile_seconds: float = Field(default=0.0, ge=0)
    frame_size: tuple[int, int] | None = None
    warm_up: int = Field(default=0, ge=0)
    source: FiguresSource = "default"
    measured_jobs: tuple[BatchId, ...] = ()


class TaskSeconds(Contract):
    """Seconds of GPU tasks by what they are spent on. `start_up` is until a task's first frame; a fit's is in `fit`.

    `stitch` is 0 where the app stitches by itself.
    """

    fit: float = Field(default=0.0, ge=0)
    start_up: float = Field(default=0.0, ge=0)
    compile: float = Field(default=0.0, ge=0)
    score: float = Field(default=0.0, ge=0)
    stitch: float = Field(default=0.0, ge=0)

    @property
    def total(self) -> float:
        return self.fit + self.start_up + self.compile + self.score + self.stitch


def node_cost(task_seconds: float, slots_per_node: int, price_per_hour: float) -> float:
    """What `task_seconds` of GPU tasks cost: a node is paid whole and shared by its slots."""
    return task_seconds / slots_per_node * price_per_hour / 3600


class Plan(Contract):
    """Chunks that cover frames 0..frame_count-1 once each, and what they are expected to take.

    `execution` is decided with the plan and kept with it: a run again must make the same pixels.
    """

    frame_count: int = Field(ge=1)
    chunks: tuple[Chunk, ...]
    figures: PlanFigures
    expected_seconds: float
    expected_cost: float
    execution: Execution = Execution()

    @model_validator(mode="after")
    def _covers_every_frame_once(self) -> Self:
        expected = 0
        for position, chunk in enumerate(self.chunks):
            if chunk.index != position or chunk.first != expected:
                raise ValueError(
                    f"chunks: number {position} is chunk {chunk.index} and starts at frame {chunk.first}; "
                    f"expected chunk {position} at frame {expected}"
                )
            expected = chunk.last + 1
        if expected != self.frame_count:
            raise ValueError(f"chunks: they cover {expected} frames of {self.frame_count}")
        return self
