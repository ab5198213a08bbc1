"""GPU work that was given up for good is kept as a dead letter, whatever kind of work it was."""

from datetime import datetime

from durabletask.task import OrchestrationContext

from contracts.frame_runs import FrameRun
from contracts.steps import Burial, Buried
from orchestrations.calling import JobFailed, Step, call
from orchestrations.gpu_task import Effort


def bury(
    ctx: OrchestrationContext,
    effort: Effort,
    reason: str,
    bad_frames: tuple[FrameRun, ...] = (),
    first_failed: datetime | None = None,
) -> Step[str]:
    """Keep what was given up; `reason` for the job's user, with a word where no letter could be kept."""
    last = effort.failures[-1]
    burial = Burial(
        **last.task.fields(),
        reason=reason,
        bad_frames=bad_frames,
        first_failed=(first_failed or effort.failures[0].at).isoformat(),
        last_failed=last.at.isoformat(),
    )
    try:
        yield from call(ctx, "bury_task", burial, Buried)
    except JobFailed as failure:
        return f"{reason} (and no dead letter could be kept: {failure})"
    return reason
