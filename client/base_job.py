"""The job that a range is laid over: its result gives all the other frames."""

from pathlib import Path

from rich.console import Console

from client.api import FunctionApp
from client.errors import InvalidInput, JobOutcome
from client.job_state import JobState
from client.storage import DataStorage, digest_file
from contracts.layout import VIDEOS

# What the app lists at most.
MOST_JOBS = 1_000


def find(app: FunctionApp, storage: DataStorage, file: Path, base: str | None, console: Console) -> JobState:
    """The finished job of `file` to build on: `base`, or else the newest; which one is said on `console`.

    Its video is a blob named after the file, with the same content: a range is never scored of another film.

    Raises:
        InvalidInput: there is none, or `base` is of another video.
        JobOutcome: `base` has no result.
    """
    same = _SameContent(storage, file)
    if base is not None:
        return _checked(app.job(base), same)
    for state in app.jobs(MOST_JOBS):
        if state.result is None or state.only_fitted or state.status is None:
            continue
        video, style = state.status.video, state.status.style
        if video is not None and same.named_alike(video) and same.holds(video):
            known = f"videos/{video}, style {style}" if style else f"videos/{video}"
            console.print(f"base: {state.job} ({known})", soft_wrap=True, markup=False)
            return state
    raise InvalidInput(
        f"--frames: there is no finished job of {file.name}, as the file is now, to take the other frames from; "
        "score the whole video first, or name a job with --base"
    )


class _SameContent:
    """Which blobs hold what `file` holds; the file is read once, and each blob asked for once."""

    def __init__(self, storage: DataStorage, file: Path) -> None:
        self._storage, self._digests, self.file = storage, digest_file(file), file
        self._known: dict[str, bool] = {}

    def named_alike(self, blob: str) -> bool:
        return blob.rsplit("/", 1)[-1] == self.file.name

    def holds(self, blob: str) -> bool:
        if blob not in self._known:
            self._known[blob] = self._storage.holds(VIDEOS, blob, self._digests)
        return self._known[blob]


def _checked(state: JobState, same: _SameContent) -> JobState:
    if state.result is None or state.status is None:
        raise JobOutcome(f"--base: job {state.job} is {state.word}; only a finished one has frames to take")
    if state.only_fitted or state.status.video is None:
        raise InvalidInput(f"--base: job {state.job} only fitted a style; it has no frames to take")
    if not same.holds(state.status.video):
        raise InvalidInput(
            f"--base: job {state.job} is of videos/{state.status.video}, whose content is not that of {same.file}"
        )
    return state
