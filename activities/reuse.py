"""A chunk that is not scored: its segment is made from the result of the job's base. No GPU task, no Batch."""

import hashlib
import logging
import tempfile
from pathlib import Path

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.storage.blob import ContentSettings

from activities import gpu_tasks
from activities.refusal import JobRefused
from activities.storage import data_account, system_account
from contracts import frame_runs, layout
from contracts.base_result import BaseResult
from contracts.ledger import BadRun, ChunkOutcome
from contracts.plan import Chunk
from contracts.task_spec import EncoderOptions
from contracts.video_index import VideoIndex
from media.errors import MediaError
from media.extract import Result, extract
from media.ranged import RangedReader
from media.segment import EncoderSettings

log = logging.getLogger(__name__)


def reuse_chunk(job: str, chunk: Chunk) -> ChunkOutcome:
    """Make the chunk's segment from the base's result; nothing is recorded here.

    A segment that an earlier call has uploaded stands as it is. Frames that the base did not score stay named, with
    their reasons.

    Raises:
        JobRefused: the base's video was deleted, replaced or damaged since the job was planned.
    """
    system = system_account()
    base = system.read_json(layout.JOBS, layout.base_blob(job), BaseResult)
    index = system.read_json(layout.JOBS, layout.index_blob(job), VideoIndex)
    replaced = _replaced(base, chunk)
    task = layout.chunk_task(chunk.index, None, 1)
    segment = layout.segment_blob(job, task, gpu_tasks.read_start(job).run)
    if not system.exists(layout.JOBS, segment):
        with tempfile.TemporaryDirectory(prefix="reuse-") as folder:
            path = Path(folder) / "segment.mp4"
            _extract(base, index, chunk, path)
            _upload(path, segment, chunk, task, replaced)
    return _outcome(segment, chunk, task, replaced)


def open_result(output: str, etag: str, size: int) -> RangedReader:
    """A finished video, pinned: every read fails with JobRefused if it was replaced or deleted since."""
    blob = data_account().container(layout.OUTPUTS).get_blob_client(output)

    def read(offset: int, length: int) -> bytes:
        try:
            pinned = blob.download_blob(offset, length, etag=etag, match_condition=MatchConditions.IfNotModified)
            return pinned.readall()
        except HttpResponseError as error:
            if error.status_code in (404, 412):  # which of the two tells nothing: Azurite has 412 for both
                raise JobRefused(
                    f"outputs/{output}, which this job takes frames from, was replaced or deleted since it was "
                    "planned; submit the range again with another base, or the whole video"
                ) from None
            raise

    return RangedReader(read, size, name=f"outputs/{output}")


def encoder_settings() -> EncoderSettings:
    """What the segments of every job are encoded with, wherever they are made."""
    options = EncoderOptions()
    return EncoderSettings(crf=options.crf, preset=options.preset)


def _extract(base: BaseResult, index: VideoIndex, chunk: Chunk, path: Path) -> None:
    try:
        with open_result(base.output, base.etag, base.size) as file:
            extract(Result(file, base.index), index, chunk.first, chunk.last, path, encoder_settings())
    except MediaError as error:
        raise JobRefused(
            f"frames {chunk.first}..{chunk.last} cannot be taken from the result of {base.base}: {error}"
        ) from error


def _replaced(base: BaseResult, chunk: Chunk) -> tuple[BadRun, ...]:
    """The frames of the chunk that the base held or passed through."""
    return tuple(
        BadRun(first=first, last=last, outcome=entry.outcome, reason=entry.reason or f"see the ledger of {base.base}")
        for entry in base.ledger.entries
        if entry.outcome in ("held", "source")
        for first, last in frame_runs.within([(entry.first, entry.last)], chunk.first, chunk.last)
    )


def _upload(path: Path, segment: str, chunk: Chunk, task: str, replaced: tuple[BadRun, ...]) -> None:
    """Create the blob with the metadata that every task writes; one that is there already is left as it is."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    metadata = {"first": str(chunk.first), "last": str(chunk.last), "sha256": sha256, "task": task}
    for kind in ("held", "source"):
        if text := frame_runs.to_text(run.run for run in replaced if run.outcome == kind):
            metadata[kind] = text
    try:
        with path.open("rb") as file:
            system_account().container(layout.JOBS).upload_blob(
                segment,
                file,
                overwrite=False,
                metadata=metadata,
                content_settings=ContentSettings(content_type="video/mp4"),
            )
    except ResourceExistsError:
        log.info("%s exists: another call was faster", segment)


def _outcome(segment: str, chunk: Chunk, task: str, replaced: tuple[BadRun, ...]) -> ChunkOutcome:
    properties = system_account().container(layout.JOBS).get_blob_client(segment).get_blob_properties()
    return ChunkOutcome(
        chunk=chunk.index,
        first=chunk.first,
        last=chunk.last,
        outcome="reused",
        replaced=replaced,
        attempt=1,
        task=task,
        segment=segment,
        segment_sha256=properties.metadata["sha256"],
        segment_bytes=int(properties.size),
    )
