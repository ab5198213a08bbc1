"""Why a task failed, as far as it matters to what is done next: see `GpuResult.cause`.

HopelessError           no frame of this job can be scored: cause `job`; the base of more telling names
BadFramesError          some frames cannot be decoded or scored, the others can: cause `frame`
WorkFolderFullError     another node may have room: cause `node`
WorkerDiedError         a process that shares the task's frames ended, for whatever reason: no cause
"""

import errno
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.frame_runs import FrameRun, words
from contracts.messages import MAX_BAD_RUNS, MAX_REASON_CHARACTERS, Cause
from gpu_task.redact import redact
from media.errors import UnsupportedMedia


class HopelessError(Exception):
    """Trying again cannot help, nor can leaving frames out."""


class WorkFolderFullError(Exception):
    """The node's disk has no room for the task's files."""


class WorkerDiedError(Exception):
    """A worker process ended before its work was done; the message names it and how it ended."""


class BadFramesError(Exception):
    """Frames `runs` cannot be decoded or scored; `problem` says why, of the first of them."""

    def __init__(self, runs: Sequence[FrameRun], problem: str) -> None:
        self.runs = tuple(runs)
        super().__init__(f"{words(runs)}: {problem}")


@dataclass(frozen=True)
class Failure:
    """What a failed `GpuResult` says."""

    reason: str
    cause: Cause | None = None
    bad_frames: tuple[FrameRun, ...] = ()


def describe(error: Exception, folder: Path) -> Failure:
    """The failure that `error` stands for; `folder` is where the task works."""
    if isinstance(error, BadFramesError):
        return Failure(reason(error), "frame", error.runs[:MAX_BAD_RUNS])
    if isinstance(error, HopelessError | UnsupportedMedia):
        return Failure(reason(error), "job")
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(folder).free
        full = WorkFolderFullError(
            f"no space left in the work folder {folder} ({free / 1e6:,.0f} MB free on its disk; {error}); use nodes "
            "with a larger disk, or fewer task slots on each"
        )
        return Failure(reason(full), "node")
    return Failure(reason(error))


def reason(error: BaseException) -> str:
    """`Type: message` without secrets, cut to what the contract allows."""
    text = redact(f"{type(error).__name__}: {error}")
    return text if len(text) <= MAX_REASON_CHARACTERS else text[: MAX_REASON_CHARACTERS - 1] + "…"
