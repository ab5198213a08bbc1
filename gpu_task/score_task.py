"""Scores one chunk: decode exactly its frames, score them, write a segment, upload it."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contracts.task_spec import ScoreSpec
from gpu_task import blobs, outcome
from gpu_task.progress import Progress
from gpu_task.scorers import make_scorer
from gpu_task.scorers.protocol import Scorer
from gpu_task.timings import Timings
from media.frames import output_size, to_rgb
from media.ranged import RangedReader
from media.reader import read_frames
from media.segment import EncoderSettings, SegmentWriter, check_segment

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decoded:
    """A frame as the scorer takes it, its number in the source, and the seconds it took to get."""

    number: int
    rgb: NDArray[np.uint8]
    seconds: float


def score_chunk(spec: ScoreSpec, folder: Path, timings: Timings, scorer: Scorer) -> outcome.Written:
    """Writes, checks and uploads the segment of frames `spec.first`..`spec.last`."""
    path = folder / "segment.mp4"
    write_segment(spec, path, timings, scorer)
    check_segment(path, spec.index, spec.first, spec.last)
    with timings.stage("upload"):
        return outcome.upload(spec.to.output, path, "video/mp4", (spec.first, spec.last), spec.identity.task)


def prepare_scorer(spec: ScoreSpec) -> Scorer:
    """The spec's scorer, ready for frames of the output's size."""
    scorer = make_scorer(spec)
    scorer.prepare(*output_size(spec.index, spec.options.max_dimension))
    return scorer


def write_segment(spec: ScoreSpec, path: Path, timings: Timings, scorer: Scorer) -> None:
    """Decodes, scores and encodes the chunk, warm-up frames first; those are scored but not written."""
    size = output_size(spec.index, spec.options.max_dimension)
    settings = EncoderSettings(crf=spec.encoder.crf, preset=spec.encoder.preset)
    source = RangedReader(blobs.range_reader(spec.source), spec.source.size, name=blobs.label(spec.source.url))
    with (
        Progress(spec.to.progress) as progress,
        SegmentWriter(path, spec.index, spec.first, spec.last, size, settings) as writer,
    ):
        for batch in batched(_decode(spec, source, size), scorer.batch_size, strict=False):
            start = time.perf_counter()
            scored = _interleaved(scorer.score(_planar([frame.rgb for frame in batch])))
            score_seconds = (time.perf_counter() - start) / len(batch)
            for frame, rgb in zip(batch, scored, strict=True):
                start = time.perf_counter()
                if frame.number >= spec.first:
                    writer.write(rgb)
                    progress.advance()
                timings.frame(frame.number, frame.seconds, score_seconds, time.perf_counter() - start)
        start = time.perf_counter()
    timings.add("encode", time.perf_counter() - start)  # the encoder's last frames, and the file's end
    timings.downloaded(source.seconds)
    log.info("read %.1f of %.1f MB in %d requests", source.bytes_read / 1e6, spec.source.size / 1e6, source.requests)


def _planar(frames: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """B frames [H, W, 3], as FFmpeg has them, to a batch [B, 3, H, W], as models take it: a view, nothing is moved."""
    return np.stack(frames).transpose(0, 3, 1, 2)


def _interleaved(batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[B, 3, H, W] to B frames [H, W, 3] in memory order, for the encoder."""
    return np.ascontiguousarray(batch.transpose(0, 2, 3, 1))


def _decode(spec: ScoreSpec, source: RangedReader, size: tuple[int, int]) -> Iterator[Decoded]:
    first = spec.first - spec.warm_up
    frames = read_frames(source, spec.index, first, spec.last)
    start = time.perf_counter()
    for number, frame in enumerate(frames, first):
        rgb = to_rgb(frame, size)
        yield Decoded(number, rgb, time.perf_counter() - start)
        start = time.perf_counter()
