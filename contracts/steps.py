"""What passes between the orchestrations and their activities: one input and one result per activity.

All of it is small (Durable keeps every byte in its history): anything that grows with the video is a blob, named by
`contracts.layout`.
"""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from contracts.fit import FitProgress
from contracts.frame_runs import FrameRun
from contracts.job import StartInput
from contracts.ledger import BadRun
from contracts.messages import AboutTask, GpuResult
from contracts.model import BatchId, Contract, Sha256
from contracts.provenance import AudioTrack
from contracts.status import MOST_BAD_RUNS
from contracts.task_spec import Replacement


class BadCount(Contract):
    """`bad_frames` counts frames that were not scored; `bad_runs` names the first runs of them."""

    bad_frames: int = 0
    bad_runs: tuple[BadRun, ...] = Field(default=(), max_length=MOST_BAD_RUNS)

    @staticmethod
    def of(runs: Iterable[BadRun]) -> "BadCount":
        known = tuple(runs)
        count = sum(run.last - run.first + 1 for run in known)
        return BadCount(bad_frames=count, bad_runs=known[:MOST_BAD_RUNS])

    @staticmethod
    def fields_of(*parts: "BadCount") -> dict[str, Any]:
        """The sum of `parts`, as the fields of another contract."""
        runs = sorted((run for part in parts for run in part.bad_runs), key=lambda run: run.first)
        return {"bad_frames": sum(part.bad_frames for part in parts), "bad_runs": tuple(runs[:MOST_BAD_RUNS])}


class RunRef(Contract):
    """Which run of which job."""

    job: BatchId
    run: int = Field(ge=1)

    @staticmethod
    def of(source: "StartInput | RunRef") -> "RunRef":
        """The run that a start, or any step's input, is about."""
        return RunRef(job=source.job, run=source.run)


class Policy(Contract):
    """The settings and options that the workflow itself needs; read once per run: a replay never sees others."""

    max_attempts: int = Field(ge=1)
    poll_seconds: float = Field(gt=0)
    progress_seconds: float = Field(gt=0)
    chunks_per_group: int = Field(ge=1)
    workers: int = Field(ge=1)
    slots_per_node: int = Field(ge=1)
    node_price_per_hour: float = Field(ge=0)
    currency: str = ""
    on_bad_frame: Literal["fail", "hold", "source"] = "fail"
    max_bad_frames: int = Field(default=0, ge=0)
    max_bad_run: int = Field(default=0, ge=0)
    fit_max_seconds: float = Field(default=900.0, ge=0)


class Probed(Contract):
    """Result of `probe_video`: sizes in pixels, duration in seconds."""

    frames: int
    width: int
    height: int
    duration: float
    policy: Policy


class Planned(Contract):
    """Result of `plan_chunks`; the plan itself is a blob."""

    chunks: int
    expected_seconds: float
    expected_cost: float


class FitPlanned(Contract):
    """Result of `plan_fit`, for a job that only fits: what that is expected to take; 0 where it is done already."""

    policy: Policy
    expected_seconds: float
    expected_cost: float


class ModelState(Contract):
    """Result of `find_model`: `fit` where the style's network has to be fitted first. `model` is that network's key."""

    needed: Literal["none", "ready", "fit"]
    model: Sha256 | None = None


class FitTurn(Contract):
    """Result of `claim_fit`: whose turn it is to fit the model that a run needs.

    `ours`: this run's. `theirs`: another job's, as `fit` says. `ready`: nobody's, the model is there; `fit` says how it
    came about. `ended`: this run is over.
    """

    state: Literal["ours", "theirs", "ready", "ended"]
    fit: FitProgress | None = None


class FitMeasured(Contract):
    """Result of `measure_fit`; `fit` is None while nothing is known of one."""

    fit: FitProgress | None = None


class TaskRef(RunRef, AboutTask):
    """One attempt of one piece of GPU work; `chunk` is None for a fit and a stitch.

    `replacement` names frames that this attempt shall not score, and `bad_reason` says what is wrong with them.
    """

    replacement: Replacement | None = None
    bad_reason: str | None = None

    def fields(self) -> dict[str, Any]:
        """Just these fields, for another step about the same task."""
        return {name: getattr(self, name) for name in TaskRef.model_fields}


class Submitted(BadCount):
    """Result of `submit_chunk`, `submit_fit` and `submit_stitch`.

    `submitted`: a task is on its way. `done`: an earlier run or attempt has finished this work. `partial`: it has
    finished some of it, `missing` is left. `ended`: the run is over (failed or cancelled) and nothing more is to be
    done for it. `span` is what the task is about; `frames` counts what is finished, bad ones included.
    """

    state: Literal["submitted", "done", "partial", "ended"]
    span: FrameRun | None = None
    missing: tuple[FrameRun, ...] = ()
    frames: int = 0


class Inspection(Contract):
    """Result of `inspect_gpu_task`: what storage and Batch know of a task that has said nothing.

    `missing`: Batch does not know it (yet). `finished`: it ended, `result` says how. `ended`: its run is over.
    """

    state: Literal["missing", "running", "finished", "ended"]
    result: GpuResult | None = None


class Check(TaskRef):
    """Input of `verify_chunk`, `verify_fit` and `verify_stitch`: a task that said it succeeded."""

    result: GpuResult


class Verdict(BadCount):
    """Result of a verification; `problem` says what is wrong with the output, and is None where nothing is.

    `frames` counts the frames that the output holds, bad ones included.
    """

    problem: str | None = None
    frames: int = 0


class Ended(RunRef):
    """Result of `end_run`: nothing of the run goes on. What it spent by Batch's own times; 0 for one that finished,
    which its workflow has counted."""

    seconds: float = 0.0
    cost: float = 0.0


class Recorded(RunRef):
    """Result of `record_run`: `tasks` of the run are in its summary; None where it was written before."""

    tasks: int | None


class ChunkReport(BadCount):
    """What a chunk's sub-orchestration returns; a group's is the sum of its chunks'. Seconds are of GPU tasks."""

    ok: bool
    chunks: int = 1
    frames: int = 0
    retries: int = 0
    seconds: float = 0.0
    wasted_seconds: float = 0.0
    reason: str | None = Field(default=None, max_length=4_000)


class FitReport(ChunkReport):
    """What `prepare_model` returns: a report without frames. `model` is the network's key, where it is a fitted one.

    `fit` says where its fit ended, if this run fitted or awaited it.
    """

    model: Sha256 | None = None
    fit: FitProgress | None = None


class GroupInput(RunRef):
    """Chunks `first_chunk`..`last_chunk` (inclusive) of a run."""

    first_chunk: int = Field(ge=0)
    last_chunk: int = Field(ge=0)
    policy: Policy


class ChunkInput(RunRef):
    chunk: int = Field(ge=0)
    policy: Policy


class FitInput(RunRef):
    policy: Policy


class Measured(Contract):
    """Result of `measure_progress`: frames scored so far, by tasks that still run too; chunks that are done, and the
    seconds that their tasks took."""

    frames: int
    chunks: int = 0
    seconds: float = 0.0


class Stitched(Contract):
    """The published video. Seconds are of the GPU tasks that stitched it; none where the app did so itself."""

    output: str
    output_sha256: str
    output_bytes: int
    audio: tuple[AudioTrack, ...]
    seconds: float = 0.0
    wasted_seconds: float = 0.0


class Stitching(Contract):
    """Result of `stitch_video`; `stitched` is None where the video is too large for the app: a task stitches it."""

    stitched: Stitched | None = None


class StitchInput(RunRef):
    policy: Policy


class StitchReport(ChunkReport):
    """What `stitch_on_node` returns: a report without frames, and the video."""

    stitched: Stitched | None = None


class StitchTaskRef(RunRef):
    """Input of `publish_stitched`: the stitching task whose output was verified."""

    task: BatchId


class PublishInput(RunRef):
    """`scoring_seconds` went by, by the workflow's clock, while the chunks were scored; 0 where that is not known."""

    stitched: Stitched
    seconds: float
    wasted_seconds: float
    cost: float
    wasted_cost: float = 0.0
    scoring_seconds: float = Field(default=0.0, ge=0)


class EndInput(RunRef):
    """Input of `end_run`. `reason` is None for a run that finished.

    `clean_up` is False where somebody waits for the run's end: its guard removes what it leaves behind.
    """

    outcome: Literal["finished", "failed", "cancelled"]
    reason: str | None = None
    clean_up: bool = True


class RunEnd(Contract):
    """How a run ended: the content of its `ended` blob. Seconds are of GPU tasks, cost is that of their nodes."""

    outcome: Literal["finished", "failed", "cancelled"]
    reason: str | None = None
    seconds: float = 0.0
    cost: float = 0.0


class RunState(Contract):
    """Result of `check_run`. `over`: the workflow itself has ended the run, or there is no such run any more.

    `terminated`: someone ended the orchestration from outside, so that nobody has cleaned up after it. `end` says how
    a run that no longer goes on has ended; None where there was none.
    """

    state: Literal["running", "over", "terminated"]
    end: RunEnd | None = None


class GuardInput(RunRef):
    """Input of `guard_run`: the run it watches, and the seconds between two looks."""

    seconds: float = Field(gt=0)


class Burial(TaskRef):
    """Input of `bury_task`: GPU work given up for good, kept as a dead letter. Times are ISO 8601, UTC."""

    reason: str
    bad_frames: tuple[FrameRun, ...] = ()
    first_failed: str
    last_failed: str


class Buried(Contract):
    """Result of `bury_task`: the dead letter's blob."""

    blob: str


class Refused(Contract):
    """An activity's answer where trying again cannot help; the job fails with `reason`."""

    refused: str
