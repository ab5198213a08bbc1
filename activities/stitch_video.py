"""Activity `stitch_video`: all segments into one MP4 by remuxing, with the source's audio packets.

Needs disk for the result and one segment; memory does not grow with the video. The ledger gates it: a frame that is not
accounted for, or a segment that is gone, and nothing is published.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import IO

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContentSettings

from activities import gpu_tasks
from activities.refusal import JobRefused
from activities.segments import read_outcomes
from activities.sources import open_video
from activities.storage import data_account, system_account
from contracts import frame_runs, layout
from contracts.job import JobOptions
from contracts.ledger import ChunkOutcome, Ledger, LedgerIncomplete
from contracts.provenance import AudioTrack
from contracts.steps import RunRef, Stitched
from contracts.video_index import VideoIndex
from media.errors import MediaError
from media.stitch import Segment, stitch

VIDEO_NAME = "video.mp4"


def stitch_video(run: RunRef) -> Stitched:
    """Write `outputs/<job>/video.mp4`.

    Raises:
        JobRefused: frames are missing (named), or the segments do not fit together.
    """
    start = gpu_tasks.read_start(run.job)
    index = system_account().read_json(layout.JOBS, layout.index_blob(run.job), VideoIndex)
    outcomes = read_outcomes(run.job)
    _require_every_frame(run.job, index.frame_count, outcomes, start.request.options)
    with tempfile.TemporaryDirectory(prefix="stitch-") as folder:
        finished = Path(folder) / VIDEO_NAME
        try:
            with open_video(start) as source:
                report = stitch([_segment(o, Path(folder)) for o in outcomes], source, index, finished)
        except MediaError as error:
            raise JobRefused(f"the segments of job {run.job} cannot be stitched: {error}") from error
        if gpu_tasks.has_ended(run.job, run.run):
            raise JobRefused(f"run {run.run} of job {run.job} was ended while its result was being stitched")
        audio = tuple(AudioTrack(index=t.index, codec=t.codec, action=t.action) for t in report.audio)
        return _upload(run.job, finished, audio)


def _require_every_frame(job: str, frame_count: int, outcomes: list[ChunkOutcome], options: JobOptions) -> None:
    """The release gate: the ledger is complete, and no more frames are bad than the job's options allow."""
    try:
        ledger = Ledger.from_chunks(job, frame_count, outcomes)
    except LedgerIncomplete as error:
        raise JobRefused(f"not published, because {error}; retry the job to score what is missing") from error
    bad = ledger.bad_runs
    longest = max((last - first + 1 for first, last in bad), default=0)
    limits = {"max_bad_frames": frame_runs.count(bad), "max_bad_run": longest}
    for name, value in limits.items():
        limit = 0 if options.on_bad_frame == "fail" else getattr(options, name)
        if value > limit:
            raise JobRefused(
                f"not published, because {frame_runs.words(bad)} could not be scored: {value} is over options.{name}, "
                f"{limit}; repair the video, or submit it with a higher {name}"
            )


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
            f"frames {outcome.first}..{outcome.last} are missing: their segment was deleted; retry the job"
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
