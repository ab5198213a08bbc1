"""The two queue messages: `gpu-tasks` asks for a task, `gpu-results` tells how it ended. Neither carries a SAS."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from contracts.fit import FitProgress
from contracts.frame_runs import FrameRun
from contracts.model import SCHEMA_VERSION, BatchId, Contract, SchemaVersion, Sha256, TraceParent

GPU_TASKS_QUEUE = "gpu-tasks"
GPU_RESULTS_QUEUE = "gpu-results"
FINISHED_EVENT = "gpu-task-finished"

# Azure Storage queues take 64 KiB of base64 text: 48 KiB of JSON. A reason is cut far below that.
MAX_REASON_CHARACTERS = 2_000
# Runs of bad frames that one message names: about 8 KB of JSON. What is beyond them the next attempt finds.
MAX_BAD_RUNS = 500

Cause = Literal["frame", "job", "node"]

# A node may say anything, and what it says is written out and added up. 10^7 s is 115 days.
MAX_NUMBER = 10**7
Seconds = Annotated[float, Field(ge=0, le=MAX_NUMBER)]
ChunkNumber = Annotated[int, Field(ge=0, le=MAX_NUMBER)]


class AboutTask(Contract):
    """What names one attempt at one piece of GPU work; `instance_id` is the orchestration that awaits it.

    `chunk` is None for a fit and a stitch. `piece` is None where the task is about the whole chunk, else the part of
    its frames. `token` is known to the app and to the task alone: a result without it is not of this task.
    """

    job: BatchId
    task: BatchId
    chunk: ChunkNumber | None
    piece: FrameRun | None = None
    attempt: int = Field(ge=1, le=MAX_NUMBER)
    instance_id: str
    token: str | None = None

    def about(self) -> dict[str, Any]:
        """Just these fields, for another contract about the same task."""
        return self.model_dump(include=set(AboutTask.model_fields))


class GpuTask(AboutTask):
    """Asks the `gpu-tasks` trigger to create one Batch task; its spec is already in storage."""

    version: SchemaVersion = SCHEMA_VERSION
    run: int = Field(default=1, ge=1)
    chunk: ChunkNumber | None = None
    traceparent: TraceParent | None = None


class StageSeconds(Contract):
    """Wall seconds a task spent in each stage; stages may overlap. `total` is the task's own, without `queue`.

    `queue` is from submission to the program's start: messages, a free slot, and the node itself where it has to boot.
    """

    queue: Seconds = 0.0
    start: Seconds = 0.0
    download: Seconds = 0.0
    decode: Seconds = 0.0
    score: Seconds = 0.0
    encode: Seconds = 0.0
    upload: Seconds = 0.0
    total: Seconds = 0.0


class GpuResult(AboutTask):
    """How a GPU task ended. `frames` lists the runs it wrote; `output_sha256` is of the uploaded blob. `fit` says
    where a fit ended.

    A failure's `cause` is `frame` where `bad_frames` of the source cannot be decoded or scored (trying again cannot
    help, and the rest of the chunk is fine), `job` where no frame of this job can be scored (trying again cannot help
    either), `node` where no frame is at fault but where it ran, or that it never ran (trying again may help, a smaller
    piece would not), None where it is not known. Keys that this version does not know are passed over: nodes may run
    newer code than the app.
    """

    model_config = ConfigDict(extra="ignore")

    version: SchemaVersion = SCHEMA_VERSION
    chunk: ChunkNumber | None = None
    outcome: Literal["succeeded", "failed"]
    reason: str | None = Field(default=None, max_length=MAX_REASON_CHARACTERS)
    cause: Cause | None = None
    bad_frames: tuple[FrameRun, ...] = Field(default=(), max_length=MAX_BAD_RUNS)
    frames: tuple[FrameRun, ...] = ()
    output_sha256: Sha256 | None = None
    output_bytes: int = Field(default=0, ge=0)
    seconds: StageSeconds = StageSeconds()
    device: str = ""
    peak_memory_bytes: int = Field(default=0, ge=0)
    fit: FitProgress | None = None
    traceparent: str | None = Field(default=None, max_length=256)
