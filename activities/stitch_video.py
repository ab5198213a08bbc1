"""Activity `stitch_video`: all segments into one MP4 by remuxing, with the source's audio packets.

Needs disk for the result and one segment; memory does not grow with the video. The ledger gates it: a frame that is not
accounted for, or a segment that is gone, and nothing is published.
"""

import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContentSettings

from activities import gpu_tasks
from activities.refusal import JobRefused
from activities.sources import open_video
from activities.storage import data_account, system_account
from contracts import layout
from contracts.ledger import ChunkOutcome, Ledger, LedgerIncomplete
from contracts.plan import Plan
from contracts.provenance import AudioTrack
from contracts.steps import RunRef, Stitched
from contracts.video_index import VideoIndex
from media.errors import MediaError
from media.stitch import Segment, stitch

VIDEO_NAME = "video.mp4"
# Small JSON reads are all latency; 16 at once reads 1,000 outcomes in about a second against Azurite.
READERS = 16


def stitch_video(run: RunRef) -> Stitched:
    """Write `outputs/<job>/video.mp4`.

    Raises:
        JobRefused: frames are missing (named), or the segments do not fit together.
    """
    start = gpu_tasks.read_start(run.job)
    index = system_account().read_json(layout.JOBS, layout.index_blob(run.job), VideoIndex)
    plan = system_account().read_json(layout.JOBS, layout.plan_blob(run.job), Plan)
    outcomes = read_outcomes(run.job, plan)
    _require_every_frame(run.job, index.frame_count, outcomes)
    with tempfile.TemporaryDirectory(prefix="stitch-") as folder:
        finished = Path(folder) / VIDEO_NAME
        try:
            with open_video(start) as source:
                report = stitch([_segment(o, Path(folder)) for o in outcomes], source, index, finished)
        except MediaError as error:
            raise JobRefused(f"the segments of job {run.job} cannot be stitched: {error}") from error
        audio = tuple(AudioTrack(index=t.index, codec=t.codec, action=t.action) for t in report.audio)
        return _upload(run.job, finished, audio)


def read_outcomes(job: str, plan: Plan) -> list[ChunkOutcome]:
    """The outcomes of the plan's chunks, in frame order; a chunk without one is left out, and the ledger misses it."""
    with ThreadPoolExecutor(READERS) as readers:
        found = list(readers.map(lambda c: _outcome(job, c.index), plan.chunks))
    return [outcome for outcome in found if outcome is not None]


def _outcome(job: str, chunk: int) -> ChunkOutcome | None:
    return system_account().find_json(layout.JOBS, layout.outcome_blob(job, chunk), ChunkOutcome)


def _require_every_frame(job: str, frame_count: int, outcomes: list[ChunkOutcome]) -> None:
    """The release gate: the ledger is complete and each segment it stands on exists, whole."""
    prefix = layout.segment_prefix(job)
    sizes = {b.name: b.size for b in system_account().container(layout.JOBS).list_blobs(name_starts_with=prefix)}
    present = [o for o in outcomes if sizes.get(o.segment) == o.segment_bytes]
    try:
        Ledger.from_chunks(job, frame_count, present)
    except LedgerIncomplete as error:
        raise JobRefused(f"not published, because {error}; start the job again to score what is missing") from error


def _segment(outcome: ChunkOutcome, folder: Path) -> Segment:
    return Segment(first=outcome.first, last=outcome.last, open=lambda: _download(outcome, folder))


def _download(outcome: ChunkOutcome, folder: Path) -> IO[bytes]:
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (the stitch closes it)
    seen = hashlib.sha256()
    try:
        for piece in system_account().container(layout.JOBS).download_blob(outcome.segment).chunks():
            file.write(piece)
            seen.update(piece)
    except ResourceNotFoundError:
        file.close()
        raise JobRefused(
            f"frames {outcome.first}..{outcome.last} are missing: their segment was deleted; start the job again"
        ) from None
    if seen.hexdigest() != outcome.segment_sha256:
        file.close()
        raise JobRefused(f"the segment of frames {outcome.first}..{outcome.last} is not the one that was scored")
    file.seek(0)
    return file


def _upload(job: str, finished: Path, audio: tuple[AudioTrack, ...]) -> Stitched:
    name = layout.output_blob(job, VIDEO_NAME)
    container = data_account().container(layout.OUTPUTS)
    with finished.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        container.upload_blob(
            name,
            file,
            overwrite=True,
            max_concurrency=2,
            content_settings=ContentSettings(content_type="video/mp4"),
            metadata={"sha256": digest},
        )
    return Stitched(output=name, output_sha256=digest, output_bytes=finished.stat().st_size, audio=audio)
