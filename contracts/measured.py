"""What finished jobs measured of their own speed: the figures that the next plan of the same work is made from.

Nodes say these numbers, and a node may say anything: what a figure may be is bounded here, and what cannot have been
is left out before that (`activities/measured_speed.py`).
"""

import re
from typing import Annotated, Self

from pydantic import Field

from contracts.messages import MAX_NUMBER
from contracts.model import SCHEMA_VERSION, BatchId, Contract, SchemaVersion, digest
from contracts.task_spec import Execution

# An hour a frame, or before the first one, is beyond any machine that is worth planning for; a microsecond a frame is
# beyond any machine at all.
MOST_SECONDS, LEAST_SECONDS_PER_FRAME = 3600.0, 1e-6
MAX_DEVICE_CHARACTERS = 200
# As many digits as a frame's side, or a number of workers, can have.
_VARIANT = re.compile(r"(\d{1,6})x(\d{1,6})-(eager|compiled)-w(\d{1,2})")

Bounded = Annotated[float, Field(ge=0, le=MOST_SECONDS)]
PerFrame = Annotated[float, Field(ge=LEAST_SECONDS_PER_FRAME, le=MOST_SECONDS)]


class Workload(Contract):
    """What decides how fast a frame is scored, but for its size and how that is run: its `Variant`.

    `network` is `style` for the built-in styles' and every fitted one (they are one architecture), the key of a `model`
    that a user names, or `none`.
    """

    pool: str
    scorer: str
    network: str
    precision: str

    @property
    def key(self) -> str:
        return digest(self.model_dump())[:32]


class Variant(Contract):
    """Frames of `width` x `height` pixels, as they are scored, by tasks of so many workers."""

    width: int = Field(ge=1, le=999_999)
    height: int = Field(ge=1, le=999_999)
    compiled: bool = False
    workers: int = Field(default=1, ge=1, le=99)

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6

    @property
    def name(self) -> str:
        """`640x360-eager-w1`."""
        return f"{self.width}x{self.height}-{'compiled' if self.compiled else 'eager'}-w{self.workers}"

    @classmethod
    def of(cls, size: tuple[int, int], execution: Execution) -> Self:
        """`size` is (width, height)."""
        return cls(width=size[0], height=size[1], compiled=execution.compiled, workers=execution.workers)

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """The variant of this name; None for what is no name of one."""
        found = _VARIANT.fullmatch(name)
        if found is None:
            return None
        width, height, workers = int(found[1]), int(found[2]), int(found[4])
        if min(width, height, workers) < 1:
            return None
        return cls(width=width, height=height, compiled=found[3] == "compiled", workers=workers)


class MeasuredSpeed(Contract):
    """What one run of a job measured: medians over the tasks that it ran itself, and how many those were.

    `start_up_seconds` are from a task's start to its first frame; `compile_seconds` what a node's first task needed
    beyond that. `seconds_per_frame` are of one worker, and of everything that is not start-up: a task with w workers
    needs 1/w of it.
    """

    version: SchemaVersion = SCHEMA_VERSION
    job: BatchId
    run: int = Field(ge=1)
    variant: Variant
    start_up_seconds: Bounded
    seconds_per_frame: PerFrame
    compile_seconds: Bounded = 0.0
    tasks: int = Field(ge=1, le=MAX_NUMBER)
    frames: int = Field(ge=1, le=MAX_NUMBER)
    device: str = Field(default="", max_length=MAX_DEVICE_CHARACTERS)
