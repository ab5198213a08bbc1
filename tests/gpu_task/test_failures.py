import errno
from pathlib import Path

import pytest

from contracts.messages import MAX_BAD_RUNS
from gpu_task.blobs import BlobTooLargeError, SourceChangedError
from gpu_task.failures import BadFramesError, Failure, HopelessError, describe
from gpu_task.model_files import ModelFormatError, ModelGoneError, ModelHashError, UnknownStyleError
from gpu_task.recipes import UnknownRecipeError
from gpu_task.score_task import TooManyRunsError
from gpu_task.scorers import UnknownScorerError
from gpu_task.scorers.style_transfer import ModelMissingError
from gpu_task.style_image import StyleImageError
from media.errors import FramesMissing, SegmentMismatch, TruncatedMedia, UnsupportedMedia


@pytest.mark.parametrize(
    "kind",
    [
        SourceChangedError,
        BlobTooLargeError,
        ModelFormatError,
        ModelGoneError,
        ModelHashError,
        ModelMissingError,
        UnknownStyleError,
        UnknownRecipeError,
        UnknownScorerError,
        StyleImageError,
        TooManyRunsError,
        UnsupportedMedia,
        TruncatedMedia,
        HopelessError,
    ],
)
def test_what_no_other_attempt_can_help_is_the_jobs(kind: type[Exception], tmp_path: Path) -> None:
    assert describe(kind("no"), tmp_path) == Failure(f"{kind.__name__}: no", "job")


@pytest.mark.parametrize(
    "error", [SegmentMismatch("no"), ConnectionError("no"), MemoryError("no"), FramesMissing("x.mp4", range(3), 1)]
)
def test_what_may_go_better_next_time_has_no_cause(error: Exception, tmp_path: Path) -> None:
    failure = describe(error, tmp_path)
    assert (failure.cause, failure.bad_frames) == (None, ())


def test_a_full_disk_names_the_folder(tmp_path: Path) -> None:
    failure = describe(OSError(errno.ENOSPC, "No space left on device"), tmp_path)
    assert failure.cause == "node"
    assert failure.reason.startswith(f"WorkFolderFullError: no space left in the work folder {tmp_path} (")


def test_no_more_bad_runs_than_a_message_takes(tmp_path: Path) -> None:
    runs = [(frame, frame) for frame in range(0, 4 * MAX_BAD_RUNS, 2)]
    failure = describe(BadFramesError(runs, "?sig=abc"), tmp_path)
    assert failure.bad_frames == tuple(runs[:MAX_BAD_RUNS])
    assert failure.reason.startswith("BadFramesError: frames 0, 2, 4")
    assert failure.reason.endswith("980 more runs: ?sig=REDACTED")
