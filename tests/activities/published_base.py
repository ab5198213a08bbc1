"""A finished job's result in container `outputs`, as the app publishes it: a real video, its ledger and provenance."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from activities.plan_chunks import make_plan
from activities.reuse import encoder_settings
from activities.storage import data_account
from contracts import layout
from contracts.job import JobOptions, JobRequest
from contracts.ledger import BadRun, ChunkOutcome, Ledger
from contracts.plan import PlanFigures
from contracts.provenance import Provenance
from contracts.task_spec import EncoderOptions
from contracts.video_index import VideoIndex
from media.segment import EncoderSettings, SegmentWriter
from media.stitch import Segment, stitch

ETAG = '"0x8DBASE"'
SHA = "0" * 64
FIGURES = PlanFigures(
    workers=2, start_up_seconds=10, seconds_per_frame=1, node_losses_per_hour=0, node_price_per_hour=3600
)


def base_request(video: str = "clip.mp4", **options: object) -> JobRequest:
    return JobRequest(video=video, scorer="identity", options=JobOptions.model_validate(options))


def provenance(job: str, request: JobRequest, index: VideoIndex, etag: str = ETAG, **changes: object) -> Provenance:
    values = {
        "job": job,
        "request": request,
        "code_version": "test",
        "source_etag": etag,
        "source_bytes": 1,
        "source_md5": None,
        "style_etag": None,
        "model": None,
        "model_sha256": None,
        "plan": make_plan(index, FIGURES),
        "encoder": {"codec": "libx264", **EncoderOptions().model_dump()},
        "devices": (),
        "audio": (),
        "output_sha256": SHA,
        "output_bytes": 1,
        "gpu_task_seconds": 0,
        "wasted_seconds": 0,
        "cost": 0,
    }
    return Provenance.model_validate(values | changes)


def ledger(job: str, count: int, starts: tuple[int, ...], bad: tuple[BadRun, ...] = ()) -> Ledger:
    """The ledger of a result whose segments begin at `starts`; `bad` runs lie within one segment each."""
    outcomes = [
        ChunkOutcome(
            chunk=number,
            first=first,
            last=after - 1,
            replaced=tuple(run for run in bad if first <= run.first < after),
            attempt=1,
            task=layout.chunk_task(number, None, 1),
            segment="s",
            segment_sha256=SHA,
            segment_bytes=1,
        )
        for number, (first, after) in enumerate(pairwise([*starts, count]))
    ]
    return Ledger.from_chunks(job, count, outcomes)


def write_video(
    clip: Path, index: VideoIndex, folder: Path, starts: tuple[int, ...], settings: EncoderSettings | None = None
) -> Path:
    """Frame n is a grey of its own, 4n, but for a moving edge."""
    segments: list[Segment] = []
    for first, after in pairwise([*starts, index.frame_count]):
        path = folder / f"{first}.mp4"
        size = (index.width, index.height)
        with SegmentWriter(path, index, first, after - 1, size, settings or encoder_settings()) as writer:
            for number in range(first, after):
                rgb = np.full((index.height, index.width, 3), 4 * number, np.uint8)
                rgb[:, : 2 * number + 2] = 250
                writer.write(rgb)
        segments.append(Segment(first, after - 1, lambda path=path: path.open("rb")))
    out = folder / "video.mp4"
    stitch(segments, clip, index, out)
    return out


def publish(video: Path, told: Provenance, frames: Ledger) -> None:
    container = data_account().container(layout.OUTPUTS)
    container.upload_blob(layout.output_blob(told.job, "video.mp4"), video.read_bytes(), overwrite=True)
    publish_words(told, frames)


def publish_words(told: Provenance, frames: Ledger) -> None:
    data_account().write_json(layout.OUTPUTS, layout.output_blob(told.job, "ledger.json"), frames)
    data_account().write_json(layout.OUTPUTS, layout.output_blob(told.job, "provenance.json"), told)
