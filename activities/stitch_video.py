"""Activity `stitch_video`: all segments into one MP4 by remuxing, with the source's audio packets.

Needs disk for the result and a few segments, so what is too large for the app's instance is left to a GPU node, which
stitches with the same code. The ledger gates both: a frame that is not accounted for, or a segment that is gone, and
nothing is published.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContentSettings

from activities import gpu_tasks
from activities.refusal import JobRefused
from activities.release_gate import Complete, require_every_frame
from activities.settings import settings
from activities.sources import open_video
from activities.storage import data_account, system_account
from contracts import layout
from contracts.ledger import ChunkOutcome
from contracts.steps import RunRef, Stitched, Stitching
from media.errors import MediaError
from media.stitch import DISK_FULL
from media.stored import Finished, StoredSegment, stitch_stored


def stitch_video(run: RunRef) -> Stitching:
    """Write `outputs/<job>/video.mp4`; or answer that it takes a node, by its size or by what room there is here.

    Raises:
        JobRefused: frames are missing (named), or the segments do not fit together.
    """
    job = require_every_frame(run.job)
    if job.segment_bytes > settings().stitch_inline_bytes:
        return Stitching()
    with tempfile.TemporaryDirectory(prefix="stitch-") as folder:
        try:
            finished = _stitch(job, Path(folder))
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            return Stitching()
        if gpu_tasks.has_ended(run.job, run.run):
            raise JobRefused(f"run {run.run} of job {run.job} was ended while its result was being stitched")
        return Stitching(stitched=_upload(run.job, finished))


def _stitch(job: Complete, folder: Path) -> Finished:
    try:
        with open_video(job.start) as source:
            return stitch_stored([_stored(o) for o in job.outcomes], source, job.index, folder / layout.VIDEO_NAME)
    except MediaError as error:
        raise JobRefused(f"the segments of job {job.start.job} cannot be stitched: {error}") from error


def _stored(outcome: ChunkOutcome) -> StoredSegment:
    return StoredSegment(outcome.first, outcome.last, outcome.segment_sha256, _reader(outcome))


def _reader(outcome: ChunkOutcome) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        try:
            yield from system_account().container(layout.JOBS).download_blob(outcome.segment).chunks()
        except ResourceNotFoundError:
            raise JobRefused(
                f"frames {outcome.first}..{outcome.last} are missing: their segment was deleted; retry the job"
            ) from None

    return read


def _upload(job: str, finished: Finished) -> Stitched:
    name = layout.output_blob(job, layout.VIDEO_NAME)
    with finished.path.open("rb") as file:
        data_account().container(layout.OUTPUTS).upload_blob(
            name,
            file,
            overwrite=True,
            max_concurrency=2,
            content_settings=ContentSettings(content_type="video/mp4"),
            metadata={"sha256": finished.sha256},
        )
    return Stitched(output=name, output_sha256=finished.sha256, output_bytes=finished.size, audio=finished.audio)
