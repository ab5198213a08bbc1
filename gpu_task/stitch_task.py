"""Stitches a job's segments where the app has no room for it, and uploads the video. Needs neither GPU nor torch."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

from azure.core.exceptions import ResourceNotFoundError

from contracts.task_spec import SegmentRef, StitchSpec
from gpu_task import blobs, outcome
from gpu_task.failures import HopelessError
from gpu_task.machine import Machine, process_peak_bytes
from gpu_task.timings import Timings
from media.errors import MediaError
from media.ranged import RangedReader
from media.stored import Finished, StoredSegment, stitch_stored


class CannotStitchError(HopelessError):
    """The segments do not make up the video; no node could stitch them."""


class SegmentGoneError(HopelessError):
    pass


def stitch_video(spec: StitchSpec, folder: Path, timings: Timings, machine: Machine) -> outcome.Written:
    """Joins the segments, checks the result frame by frame and uploads it, with what became of its audio.

    `download` counts the seconds that joining waited for bytes, `encode` the others: nothing is encoded but audio that
    MP4 cannot hold.

    Raises:
        CannotStitchError, SegmentGoneError
        OSError: the disk is full.
    """
    timings.started()
    finished = _stitch(spec, folder, timings)
    machine.device, machine.peak_memory_bytes = "cpu, stitch", process_peak_bytes()
    audio = json.dumps([track.model_dump() for track in finished.audio], separators=(",", ":"))
    with timings.stage("upload"):
        return outcome.upload(
            spec.to.output, finished.path, "video/mp4", None, spec.identity.task, {"audio": audio}, in_blocks=True
        )


def _stitch(spec: StitchSpec, folder: Path, timings: Timings) -> Finished:
    source = RangedReader(blobs.range_reader(spec.source), spec.source.size, name=blobs.label(spec.source.url))
    segments = [StoredSegment(s.first, s.last, s.sha256, _reader(s)) for s in spec.segments]
    began = perf_counter()
    try:
        finished = stitch_stored(segments, source, spec.index, folder / "video.mp4")
    except MediaError as error:
        raise CannotStitchError(str(error)) from error
    waited, ended = finished.waited + source.seconds, perf_counter()
    timings.add("download", waited)
    timings.add("encode", max(0.0, ended - began - waited))
    timings.lasted("stitch", began, ended)
    return finished


def _reader(segment: SegmentRef) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        try:
            yield from blobs.pieces(segment.url)
        except ResourceNotFoundError:
            raise SegmentGoneError(
                f"frames {segment.first}..{segment.last} are missing: their segment {blobs.label(segment.url)} was "
                "deleted; retry the job"
            ) from None

    return read
