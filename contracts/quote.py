"""What a job would take, asked before anything is uploaded: `POST /api/quote` and its answer."""

from typing import Self

from pydantic import Field, model_validator

from contracts.job import JobRequest
from contracts.messages import MAX_NUMBER
from contracts.model import Contract, Sha256
from contracts.plan import PlanFigures, TaskSeconds
from contracts.task_spec import Execution

MAX_SIDE = 65_535


class VideoFacts(Contract):
    """What a quote goes by: presented frames, width and height of a frame as stored (before any rotation), seconds that
    it plays, bytes of its file."""

    frames: int = Field(ge=1, le=MAX_NUMBER)
    width: int = Field(ge=1, le=MAX_SIDE)
    height: int = Field(ge=1, le=MAX_SIDE)
    seconds: float = Field(ge=0, le=MAX_NUMBER)
    bytes: int = Field(ge=1)


class QuoteRequest(Contract):
    """`request` is the very body that `POST /api/jobs` would get; its video need not be there yet.

    `style_sha256` is of the content of a style's image that is not uploaded yet: it tells whether a network is fitted.
    """

    request: JobRequest
    video: VideoFacts
    style_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _about_a_video(self) -> Self:
        if self.request.fit_only:
            raise ValueError("request.fit_only: a quote is of a video; a fit alone takes FIT_MAX_SECONDS at most")
        frames = self.request.frames
        if frames is not None and frames[1] >= self.video.frames:
            raise ValueError(f"request.frames: {frames[0]}..{frames[1]} are not all in its {self.video.frames} frames")
        if self.style_sha256 is not None and self.request.style is None:
            raise ValueError("style_sha256: given without a style; name one in request.style, or leave it out")
        return self


class BrokenLimit(Contract):
    """What the job would be refused for; `problem` names the setting or option, and the remedy."""

    field: str
    value: str
    limit: str
    problem: str


class Price(Contract):
    """`low`: on spot nodes, none of which is lost. `high`: on dedicated ones, with what lost nodes are expected to
    repeat. Where the settings know one price only, both are of that."""

    low: float = Field(ge=0)
    high: float = Field(ge=0)


class Quote(Contract):
    """What the job would take, planned as the job itself would be.

    `frames` are those that are scored, of `width` x `height` pixels. `seconds` are of GPU tasks where nothing goes
    wrong, `repeated_seconds` what lost nodes are expected to add; `node_seconds` is the sum of the former, shared by a
    node's slots: what is paid for. `expected_seconds` (fit and scoring) and `expected_cost` are those of the job's own
    plan. `boot_seconds` come before where the pool is empty; None where they are not known. `price` is None where the
    settings have none. `limits` are those that the job would break.
    """

    frames: int
    width: int
    height: int
    chunks: int
    chunk_frames: int
    nodes: int
    seconds: TaskSeconds
    node_seconds: float
    repeated_seconds: float
    expected_seconds: float
    boot_seconds: float | None
    expected_cost: float
    price: Price | None
    currency: str
    figures: PlanFigures
    execution: Execution
    limits: tuple[BrokenLimit, ...] = ()
