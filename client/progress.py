"""Progress for people, on stderr: one live bar on a terminal, a line per change elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, Task, TaskID, TextColumn, TransferSpeedColumn
from rich.text import Text

from client import bad_frames
from client.job_state import JobState
from client.storage import Progress as TransferProgress
from client.watch import Observation, Reporter


class _SpeedColumn(TransferSpeedColumn):
    """Nothing, where rich would print a "?", for a transfer that is over before it can be timed."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.finished_speed or task.speed else Text("")


def clock(seconds: float) -> str:
    """`1:02:03`, or `2:03` under an hour."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def describe(observation: Observation) -> dict[str, Any]:
    """The parts of a progress line; empty where nothing is known yet."""
    state, status = observation.state, observation.state.status
    if status is None:
        return {"phase": state.word, "chunks": "", "frames": "", "rate": "", "left": ""}
    ended = state.has_ended
    scoring = status.phase == "scoring" and not ended
    retries = f", {status.retries} retried" if status.retries else ""
    left = status.seconds_left
    return {
        "phase": state.word if ended else status.phase,
        "chunks": f"{status.chunks_done}/{status.chunks} chunks{retries}" if status.chunks else "",
        "frames": f"{status.frames_done}/{status.frames} frames" if status.frames else "",
        "rate": f"{observation.rate:.1f} frames/s" if observation.rate and scoring else "",
        "left": f"{clock(left)} left" if left and not ended else f"{clock(observation.elapsed)} so far",
    }


# Off a terminal, a count of frames is worth a new line this often; a change of phase or of chunks always is.
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
        changed = {name for name in ("phase", "chunks", "frames") if parts[name] != self._last.get(name)}
        if changed - {"frames"} or (changed and observation.elapsed - self._last_at >= LINE_SECONDS):
            self._last, self._last_at = parts, observation.elapsed
            self._console.print(", ".join(part for part in parts.values() if part), soft_wrap=True)

    def silent(self, seconds: float) -> None:
        if not self._was_silent:
            self._was_silent = True
            self._console.print("the app does not answer; trying on")


class BarReporter:
    """One live line."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._warn = _BadFrameWarning(progress.console)

    def show(self, observation: Observation) -> None:
        self._warn(observation.state)
        status = observation.state.status
        total, done = (status.frames or None, status.frames_done) if status else (None, 0)
        self._progress.update(self._task, total=total, completed=done, **describe(observation))

    def silent(self, seconds: float) -> None:
        self._progress.update(self._task, left=f"the app does not answer ({clock(seconds)})")


@contextmanager
def job_reporter(console: Console, job: str) -> Iterator[Reporter]:
    if not console.is_terminal:
        yield LineReporter(console)
        return
    fields = [TextColumn("{task.fields[" + name + "]}") for name in ("frames", "chunks", "rate", "left")]
    with Progress(TextColumn("{task.fields[phase]}", style="bold"), BarColumn(), *fields, console=console) as progress:
        blank: dict[str, Any] = {"phase": "starting", "frames": "", "chunks": "", "rate": "", "left": ""}
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
    known = [parts["phase"], parts["frames"], parts["chunks"]]
    if state.status is not None and state.status.seconds_left is not None and not state.has_ended:
        known.append(parts["left"])
    return f"{state.job}: {', '.join(part for part in known if part)}"
