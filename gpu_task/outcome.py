"""What a task leaves behind: one blob, never overwritten, whose metadata repeats what the result message says.

A Batch task may run twice (its node was lost after the upload): the second run reads that metadata and reports it.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts.fit import FitProgress
from gpu_task import blobs

log = logging.getLogger(__name__)


class OutputMismatchError(Exception):
    """The output blob is there, but is not what this task would have written."""


@dataclass(frozen=True)
class Written:
    """An uploaded output. `frames` is (first, last) of a segment; `fitted` is where a fit ended."""

    frames: tuple[int, int] | None
    sha256: str
    size: int
    fitted: FitProgress | None = None


def existing(url: str, frames: tuple[int, int] | None) -> Written | None:
    """The output of an earlier run of this task, if there is one.

    Raises:
        OutputMismatchError: it holds other frames, or lacks the metadata that every task writes.
    """
    found = blobs.metadata(url)
    if found is None:
        return None
    expected = _metadata(frames)
    held = {key: found.get(key) for key in expected}
    if held != expected or "sha256" not in found:
        raise OutputMismatchError(f"{blobs.label(url)} exists with metadata {dict(found)}; expected {expected}, sha256")
    log.info("output exists, written by an earlier run: reported as it is")
    return Written(frames, found["sha256"], int(found["bytes"]), _fitted(found))


def upload(
    url: str,
    path: Path,
    content_type: str,
    frames: tuple[int, int] | None,
    task: str,
    more: Mapping[str, str] | None = None,
    fitted: FitProgress | None = None,
    *,
    in_blocks: bool = False,
) -> Written:
    """Uploads `path` as the task's output, unless another run was faster: then that run's output stands.

    `more` is metadata for others to read; what is empty in it is left out. `fitted` is where a fit ended. `in_blocks`
    is for what may be larger than one request takes.

    Raises:
        OutputMismatchError: as `existing`.
    """
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    values = {**_metadata(frames), "sha256": sha256, "task": task}
    values |= {key: value for key, value in (more or {}).items() if value}
    if fitted:
        values["fitted"] = fitted.to_json()
    try:
        (blobs.create_in_blocks if in_blocks else blobs.create)(url, path, content_type, values)
    except blobs.BlobExistsError:
        found = existing(url, frames)
        if found is None:
            raise
        return found
    return Written(frames, sha256, path.stat().st_size, fitted)


def _metadata(frames: tuple[int, int] | None) -> Mapping[str, str]:
    return {} if frames is None else {"first": str(frames[0]), "last": str(frames[1])}


def _fitted(found: Mapping[str, str]) -> FitProgress | None:
    return FitProgress.model_validate_json(found["fitted"]) if "fitted" in found else None
