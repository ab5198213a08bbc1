"""How long scoring took, beside what its plan had expected."""

from pydantic import Field

from contracts.model import Contract
from contracts.plan import FiguresSource


class Makespan(Contract):
    """Seconds from the first task's start to the last chunk's check; a fit before that and the stitching after it
    aside.

    `waiting_seconds` are those before: messages, and nodes that had to boot; no plan counts them. `frames` were scored
    by this run, and `earlier_frames` by an earlier run of the job: the plan had counted those in, so where there are
    any the two times do not compare. `figures` and `measured_jobs` say what the plan went by.
    """

    expected_seconds: float = Field(ge=0)
    actual_seconds: float = Field(ge=0)
    waiting_seconds: float = Field(default=0.0, ge=0)
    frames: int = Field(ge=0)
    earlier_frames: int = Field(default=0, ge=0)
    figures: FiguresSource = "default"
    measured_jobs: int = Field(default=0, ge=0)

    @property
    def compares(self) -> bool:
        return self.earlier_frames == 0 and self.frames > 0
