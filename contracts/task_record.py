"""What a GPU task leaves of its time, as metadata of its timings blob: a listing tells it of all tasks of a job.

A node writes it, and a node may say anything: every figure is bounded here.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from contracts.frame_runs import FrameRun
from contracts.measured import MAX_DEVICE_CHARACTERS
from contracts.messages import MAX_NUMBER, ChunkNumber, Seconds, StageSeconds
from contracts.model import SCHEMA_VERSION, BatchId, Contract, SchemaVersion

# The key of the blob's metadata. Azure allows 8 KB of it; a record takes about 1 KB.
RECORD_METADATA_KEY = "record"
MOST_INTERVALS = 24
# As JSON a character may take six bytes.
MAX_RECORD_REASON = 300
# Until the year 2286: what Unix seconds look like, and far from what a float loses.
UnixSeconds = Annotated[float, Field(ge=0, le=10**10)]


class Interval(Contract):
    """One stage at work, in seconds after the task's program began. Intervals of a pipeline's stages overlap."""

    stage: str = Field(pattern=r"^[a-z_]{1,20}$")
    begin: Seconds
    end: Seconds


class TaskRecord(Contract):
    """One attempt: `began` is when its program started, by the node's clock; `submitted` by the app's.

    `frames` counts those that went through its pipeline, warm-up frames too. `slowest_frame` is (number, seconds of all
    stages together).
    """

    model_config = ConfigDict(extra="ignore")

    version: SchemaVersion = SCHEMA_VERSION
    task: BatchId
    chunk: ChunkNumber | None
    piece: FrameRun | None = None
    attempt: int = Field(ge=1, le=MAX_NUMBER)
    outcome: Literal["succeeded", "failed"]
    submitted: UnixSeconds | None = None
    began: UnixSeconds
    seconds: StageSeconds
    intervals: tuple[Interval, ...] = Field(default=(), max_length=MOST_INTERVALS)
    frames: int = Field(default=0, ge=0, le=MAX_NUMBER)
    slowest_frame: tuple[int, Seconds] | None = None
    device: str = Field(default="", max_length=MAX_DEVICE_CHARACTERS)
    reason: str | None = Field(default=None, max_length=MAX_RECORD_REASON)

    @property
    def ended(self) -> float:
        """Unix seconds, by the node's clock."""
        return self.began + self.seconds.total

    @property
    def seconds_per_frame(self) -> float | None:
        """Of everything that is not start-up; None for a task that has no frames, or failed before the first."""
        if not self.frames:
            return None
        return max(0.0, self.seconds.total - self.seconds.start) / self.frames
