"""Watches a fit step by step: what its progress blob says, its log, and where it ended."""

import json
import logging
from collections import deque
from collections.abc import Mapping

from contracts.fit import FitProgress
from gpu_task.progress import Progress
from gpu_task.training import StepReport

log = logging.getLogger(__name__)

# The loss of one step is that of one random square of one frame: a mean over some is what falls.
MEAN_OF = 50  # steps
LOG_EVERY = 100  # steps


class FitMonitor:
    """Called with every step's report; `steps` is how many the fit is asked for. Without `progress` it only counts."""

    def __init__(self, steps: int, progress: Progress | None = None) -> None:
        self._steps = steps
        self._progress = progress
        self._last: deque[StepReport] = deque(maxlen=MEAN_OF)

    def __call__(self, report: StepReport) -> None:
        self._last.append(report)
        if self._progress:
            self._progress.show(metadata(self.state()))
        if report.step % LOG_EVERY == 0:
            log.info("%s", report)

    def state(self) -> FitProgress:
        """The last step done, and the mean losses of the last 50."""
        if not self._last:
            return FitProgress(step=0, steps=self._steps)
        return FitProgress(
            step=self._last[-1].step,
            steps=self._steps,
            style=self._mean("style"),
            content=self._mean("content"),
            consistency=self._mean("consistency"),
        )

    def _mean(self, loss: str) -> float:
        return round(sum(getattr(report, loss) for report in self._last) / len(self._last), 5)


def metadata(state: FitProgress) -> Mapping[str, str]:
    """As a blob's metadata: short texts, and nothing for what is not known."""
    return {key: str(value) for key, value in state.model_dump(exclude_none=True).items()}


def notes(state: FitProgress) -> Mapping[str, str]:
    """As metadata of the fitted file."""
    losses = state.model_dump(include={"style", "content", "consistency"})
    return {"step": str(state.step), "steps": str(state.steps), "losses": json.dumps(losses)}
