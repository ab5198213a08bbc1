"""Progress for people, on stderr: one live bar on a terminal, a line per change elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, Task, TaskID, TextColumn, TransferSpeedColumn
from rich.text import Text

from client import bad_frames, fitted, money
from client.clock import clock
from client.job_state import JobState
from client.storage import Progress as TransferProgress
from client.watch import Observation, Reporter


class _SpeedColumn(TransferSpeedColumn):
    """Nothing, where rich would print a "?", for a transfer that is over before it can be timed."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.finished_speed or task.speed else Text("")


# The parts of a progress line, in its order.
BLANK = {"phase": "", "fit": "", "chunks": "", "frames": "", "rate": "", "left": "", "cost": ""}


def describe(observation: Observation) -> dict[str, Any]:
    """The parts of a progress line; empty where nothing is known yet."""
    state, status = observation.state, observation.state.status
    if status is None:
        return BLANK | {"phase": state.word}
    if fit := fitted.under_way(state):
        return BLANK | {
            "phase": fitted.phase(fit),
            "fit": fitted.step(fit),
            "left": _left(fit.seconds_left, observation),
        }
    if state.only_fitted:
        return BLANK | {"phase": state.word, "left": _left(None, observation)}
    ended = state.has_ended
    scoring = status.phase == "scoring" and not ended
    retries = f", {status.retries} retried" if status.retries else ""
    return BLANK | {
        "phase": state.word if ended else status.phase,
        "chunks": f"{status.chunks_done}/{status.chunks} chunks{retries}" if status.chunks else "",
        "frames": f"{status.frames_done}/{status.frames} frames" if status.frames else "",
        "rate": f"{observation.rate:.1f} frames/s" if observation.rate and scoring else "",
        "left": _left(None if ended else status.seconds_left, observation),
        "cost": money.spent(state) or "",
    }


def _left(seconds: float | None, observation: Observation) -> str:
    return f"{clock(seconds)} left" if seconds else f"{clock(observation.elapsed)} so far"


# Off a terminal, a count of frames or of a fit's steps is worth a new line this often; a change of phase or of chunks
# always is.
LINE_SECONDS = 10.0


class _BadFrameWarning:
    """One line, when a job's first bad frames appear; how many they were in the end is told with its result."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._given = False

    def __call__(self, state: JobState) -> None:
        if not self._given and (text := bad_frames.told(state)):
            self._given = True
            self._console.print(f"warning: {text}", soft_wrap=True, markup=False, highlight=False)


class LineReporter:
    """Writes a line when something has changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, Any] = {}
        self._last_at = 0.0
        self._was_silent = False
        self._warn = _BadFrameWarning(console)

    def show(self, observation: Observation) -> None:
        self._warn(observation.state)
        parts = describe(observation)
        self._was_silent = False
        changed = {name for name in ("phase", "fit", "chunks", "frames") if parts[name] != self._last.get(name)}
        if changed - {"frames", "fit"} or (changed and observation.elapsed - self._last_at >= LINE_SECONDS):
            self._last, self._last_at = parts, observation.elapsed
            self._console.print(", ".join(part for part in parts.values() if part), soft_wrap=True)

    def silent(self, seconds: float) -> None:
        if not self._was_silent:
            self._was_silent = True
            self._console.print("the app does not answer; trying on")


class BarReporter:
    """One live line: its bar runs over the steps of a fit, then over frames."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._warn = _BadFrameWarning(progress.console)

    def show(self, observation: Observation) -> None:
        self._warn(observation.state)
        total, done = _amount(observation.state)
        self._progress.update(self._task, total=total, completed=done, **describe(observation))

    def silent(self, seconds: float) -> None:
        self._progress.update(self._task, left=f"the app does not answer ({clock(seconds)})")


def _amount(state: JobState) -> tuple[int | None, int]:
    """(total, done) of what the job is at; None where it cannot be told yet."""
    if fit := fitted.under_way(state):
        return fit.steps, fit.step
    return (state.status.frames or None, state.status.frames_done) if state.status else (None, 0)


@contextmanager
def job_reporter(console: Console, job: str) -> Iterator[Reporter]:
    if not console.is_terminal:
        yield LineReporter(console)
        return
    fields = [TextColumn("{task.fields[" + name + "]}") for name in ("fit", "frames", "chunks", "rate", "left", "cost")]
    with Progress(TextColumn("{task.fields[phase]}", style="bold"), BarColumn(), *fields, console=console) as progress:
        blank: dict[str, Any] = BLANK | {"phase": "starting"}
        yield BarReporter(progress, progress.add_task(job, total=None, **blank))


@contextmanager
def transfer(console: Console, title: str) -> Iterator[TransferProgress]:
    """A bar of bytes on a terminal; elsewhere one line at the beginning."""
    if not console.is_terminal:
        console.print(title, soft_wrap=True)
        yield lambda done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), _SpeedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def one_line(state: JobState) -> str:
    """A job in one line, without a rate."""
    parts = describe(Observation(state, None, 0.0))
    known = [parts["phase"], parts["fit"], parts["frames"], parts["chunks"]]
    if parts["left"].endswith(" left"):  # the time so far is not known here
        known.append(parts["left"])
    return f"{state.job}: {', '.join(part for part in known if part)}"
