"""The custom status of a job's orchestration: the one answer to "where is my job?". Under 16 KB by construction."""

from typing import Literal

from pydantic import Field

from contracts.fit import FitProgress
from contracts.ledger import BadRun
from contracts.makespan import Makespan
from contracts.model import Contract

Phase = Literal[
    "starting", "probing", "preparing", "scoring", "stitching", "publishing", "finished", "failed", "cancelled"
]

# Runs of bad frames that a status names; the ledger has them all.
MOST_BAD_RUNS = 20


class JobStatus(Contract):
    """`seconds_left` is None while nothing has been measured. `cost` counts node time so far, failures included;
    `wasted_seconds` of GPU tasks, and `wasted_cost`, are what failed: attempts, retries, fits. Both are of this run.

    `bad_frames` counts frames that were held or passed through; `bad_runs` names the first runs of them.
    `fit` is there while, and after, a style is fitted for the job. `makespan`, once it has finished, says how long
    scoring took and how long it was expected to take. `began` is when each phase did, in Unix seconds by the
    workflow's clock.
    """

    phase: Phase = "starting"
    began: dict[Phase, float] = Field(default_factory=dict[Phase, float])
    video: str | None
    style: str | None = None
    chunks: int = 0
    chunks_done: int = 0
    frames: int = 0
    frames_done: int = 0
    retries: int = 0
    fit: FitProgress | None = None
    bad_frames: int = 0
    bad_runs: tuple[BadRun, ...] = Field(default=(), max_length=MOST_BAD_RUNS)
    seconds_left: float | None = None
    expected_seconds: float | None = None
    makespan: Makespan | None = None
    cost: float = 0.0
    wasted_seconds: float = 0.0
    wasted_cost: float = 0.0
    currency: str = ""
    output: str | None = None
    reason: str | None = Field(default=None, max_length=4_000)


class JobResult(Contract):
    """The orchestration's output once it has Completed. Names are blobs of container `outputs`.

    `model` is the key of the fitted network that was used. A job that only fits has nothing but that, and its cost.
    """

    job: str
    model: str | None = None
    output: str | None = None
    ledger: str | None = None
    provenance: str | None = None
    frames: int = 0
    bad_frames: int = 0
    output_bytes: int = 0
    output_sha256: str | None = None
    cost: float
    wasted_seconds: float = 0.0
    wasted_cost: float = 0.0
    makespan: Makespan | None = None
