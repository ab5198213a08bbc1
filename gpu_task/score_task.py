"""Scores one chunk: decode exactly its frames, score them, write a segment, upload it."""

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from contracts import frame_runs
from contracts.frame_runs import FrameRun
from contracts.steadying import frames_before
from contracts.task_spec import ScoreSpec
from gpu_task import blobs, outcome
from gpu_task.chunk_frames import ChunkFrames, Fates
from gpu_task.failures import BadFramesError, HopelessError
from gpu_task.pipeline.chunk import run_chunk
from gpu_task.pipeline.encoding import Encoding
from gpu_task.pipeline.workers import Workers
from gpu_task.progress import Progress
from gpu_task.scorers import make_scorer
from gpu_task.scorers.protocol import Scorer
from gpu_task.steadying import Steadying, threads_beside
from gpu_task.timings import Timings
from media.frames import output_size
from media.ranged import RangedReader
from media.segment import check_segment

log = logging.getLogger(__name__)

# Azure allows a blob 8 KB of metadata, names included; first, last, sha256 and task take some 150 bytes.
MAX_RUNS_TEXT = 7_900


class TooManyRunsError(HopelessError):
    """The frames to be replaced are too scattered for a segment's metadata."""


def score_chunk(spec: ScoreSpec, folder: Path, timings: Timings, scorer: Scorer) -> outcome.Written:
    """Writes, checks and uploads the segment of frames `spec.first`..`spec.last`."""
    path = folder / "segment.mp4"
    if spec.replacement:
        _check_room({spec.replacement.by: frame_runs.within(spec.replacement.frames, spec.first, spec.last)})
    fates = write_segment(spec, path, timings, scorer)
    replaced = _check_room(fates.runs())
    check_segment(path, spec.index, spec.first, spec.last)
    with timings.stage("upload"):
        return outcome.upload(spec.to.output, path, "video/mp4", (spec.first, spec.last), spec.identity.task, replaced)


@contextmanager
def prepared_scorer(spec: ScoreSpec) -> Generator[Scorer]:
    """The spec's scorer, ready, in as many worker processes as it asks for; they end with the block."""
    if spec.execution.workers == 1:
        yield prepare_scorer(spec)
        return
    with Workers(spec, spec.execution.workers) as workers:
        workers.prepare(*output_size(spec.index, spec.options.max_dimension))
        yield workers


def prepare_scorer(spec: ScoreSpec) -> Scorer:
    """The spec's scorer in this process, ready for frames of the output's size."""
    scorer = make_scorer(spec)
    scorer.prepare(*output_size(spec.index, spec.options.max_dimension))
    return scorer


def write_segment(spec: ScoreSpec, path: Path, timings: Timings, scorer: Scorer) -> Fates:
    """Decodes, scores and encodes the chunk, warm-up frames first; those are scored but not written.

    A warm-up frame that cannot be scored is another chunk's loss: this one is begun again without it.

    Raises:
        BadFramesError: frames cannot be decoded or scored, and no replacement is asked for.
    """
    avoided: tuple[FrameRun, ...] = ()
    while True:
        try:
            return _write_segment(spec, path, timings, scorer, avoided)
        except BadFramesError as error:
            earlier = frame_runs.within(error.runs, 0, spec.first - 1)
            bad = [part for run in earlier for part in frame_runs.without(run, avoided)]
            if not bad or len(earlier) < len(error.runs):
                raise
            log.warning("warm-up: %s", error)
            avoided = (*avoided, *bad)


def _write_segment(
    spec: ScoreSpec, path: Path, timings: Timings, scorer: Scorer, avoided: tuple[FrameRun, ...]
) -> Fates:
    source = RangedReader(blobs.range_reader(spec.source), spec.source.size, name=blobs.label(spec.source.url))
    frames = ChunkFrames(spec, source, output_size(spec.index, spec.options.max_dimension), avoided=avoided)
    # The app counts the frames of a segment once it is there: a last word of them would be a request for nothing.
    with Progress(spec.to.progress, last_word=False) as progress:
        encoding = Encoding(spec, path, timings, progress)
        begun = perf_counter()
        timings.pipelined(begun, run_chunk(frames, scorer, encoding, _steadying(spec, scorer.device)))
    readers = frames.readers
    timings.downloaded(sum(reader.seconds for reader in readers))
    log.info(
        "read %.1f of %.1f MB in %d requests",
        sum(reader.bytes_read for reader in readers) / 1e6,
        spec.source.size / 1e6,
        sum(reader.requests for reader in readers),
    )
    return encoding.fates


def _steadying(spec: ScoreSpec, device: str) -> Steadying | None:
    """What steadies the chunk's frames; None where they stay as they are scored."""
    if not spec.steadied:
        if frames_before(spec.scorer, spec.options):
            log.warning("frames %d..%d are not steadied", spec.first, spec.last)
        return None
    from gpu_task.painting import mix_of  # torch is imported with it; a scorer that paints nothing does without

    mix = mix_of(spec.options)
    threads = threads_beside(device, spec.execution.workers)
    return Steadying(spec.options.steadiness, None if mix is None else mix.numpy(), threads)


def _check_room(runs: Mapping[str, tuple[FrameRun, ...]]) -> dict[str, str]:
    """The runs as text.

    Raises:
        TooManyRunsError: it is too long for a blob's metadata.
    """
    texts = {key: frame_runs.to_text(value) for key, value in runs.items()}
    length = sum(len(key) + len(text) for key, text in texts.items())
    if length > MAX_RUNS_TEXT:
        count = sum(len(value) for value in runs.values())
        raise TooManyRunsError(
            f"the {count} runs of frames to be replaced take {length:,} bytes of metadata; a segment has room for "
            f"{MAX_RUNS_TEXT:,}: repair the video, or start the job with a smaller chunk_size"
        )
    return texts
