"""A chunk from its source to its segment, the stages overlapping.

    decode thread -> frames -> batch thread -> batches -> the caller's thread, which scores -> scored -> steady thread
    -> shown -> encode thread

Where frames are not steadied, what was scored is shown. Each channel is bounded, so that a stage runs ahead of the next
by little: see `frames_under_way`. Scoring stays in the caller's thread, because what a scorer prepared (the current
GPU, captured graphs) may be bound to it.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Protocol

from contracts.steadying import FRAMES_BEFORE
from gpu_task.chunk_frames import ChunkFrame
from gpu_task.pipeline.batches import Batch, gathered
from gpu_task.pipeline.channel import Channel
from gpu_task.pipeline.scoring import Scoring, Shown
from gpu_task.pipeline.stages import Stages
from gpu_task.pipeline.steady import Steady
from gpu_task.scorers.protocol import Scorer, in_flight
from gpu_task.steadying import Steadying
from gpu_task.timings import PipelineSeconds

# Frames between decoder and batches: as many as a batch takes, and at least these.
FRAMES_AHEAD = 2
# Batches of results between scorer and encoder.
SHOWN_AHEAD = 1


class FrameSource(Protocol):
    """See `gpu_task.chunk_frames.ChunkFrames`."""

    def __iter__(self) -> Generator[ChunkFrame]: ...


class FrameSink(Protocol):
    """See `gpu_task.pipeline.encoding.Encoding`. `run` takes frames until they end; where it has to stop before, taking
    the next one raises. `seconds`: what it was at work."""

    seconds: float

    def run(self, frames: Iterator[Shown]) -> None: ...


def frames_under_way(batch_size: int, most_in_flight: int, steadying_threads: int = 0) -> int:
    """Most frames that can have been decoded and not yet encoded, whatever the chunk's length.

    One that the decoder holds; a channel of them; a batch being gathered; as many batches waiting as the scorer can
    have in flight, so that it is given as many as soon as it takes any; those in flight; one waiting for the encoder;
    the one that it is at. Each has its source's pixels until it is scored and its result's from then on, and those of
    the batch being gathered are there twice: with batches of 8 and 2 in flight at 1080p some 500 MB. Where frames are
    steadied, there are besides a batch waiting for that, the one being handed over, one frame at each thread, and those
    that later frames will need.
    """
    steady = batch_size * (SHOWN_AHEAD + 1) + steadying_threads + FRAMES_BEFORE if steadying_threads else 0
    return 1 + _frames_ahead(batch_size) + batch_size * (1 + 2 * most_in_flight + SHOWN_AHEAD + 1) + steady


def _frames_ahead(batch_size: int) -> int:
    return max(FRAMES_AHEAD, batch_size)


def run_chunk(
    source: FrameSource, scorer: Scorer, encoder: FrameSink, steadying: Steadying | None = None
) -> PipelineSeconds:
    """Has `source`'s frames decoded, scored, steadied where `steadying` is given, and handed to `encoder`, in order.

    Raises:
        The error of the stage that failed first; no thread is left then.
    """
    begun = time.perf_counter()
    busy: dict[str, float] = {}
    scoring, size = Scoring(scorer), scorer.batch_size
    steady = Steady(steadying) if steadying else None
    with Stages() as stages:
        frames: Channel[ChunkFrame] = stages.channel(_frames_ahead(size))
        batches: Channel[Batch] = stages.channel(in_flight(scorer))
        shown: Channel[tuple[Shown, ...]] = stages.channel(SHOWN_AHEAD)
        stages.run("decode", lambda: busy.update(decode=_decode(source, frames)), frames)
        stages.run("batch", lambda: busy.update(batch=_gather(frames, batches, size)), batches)
        stages.run("encode", lambda: encoder.run(frame for several in shown for frame in several))
        scored = shown
        if steady:
            scored = stages.channel(SHOWN_AHEAD)
            stages.run("steady", lambda: steady.run(scored, shown), shown)
        scoring.run(batches, scored)
        scored.end()
    busy |= {"score": scoring.seconds, "encode": encoder.seconds}
    waited = {
        "decode": frames.blocked,
        "batch": frames.starved + batches.blocked,
        "score": batches.starved + scored.blocked,
        "encode": shown.starved,
    }
    if steady:
        busy["steady"], waited["steady"] = steady.seconds, scored.starved + shown.blocked
    ended = time.perf_counter()
    lasted = {"decode": (begun, frames.last), "score": (batches.first, scored.last), "encode": (shown.first, ended)}
    if steady:
        lasted["steady"] = (scored.first, shown.last)
    return PipelineSeconds(
        ended - begun, busy, waited, {name: (first - begun, last - begun) for name, (first, last) in lasted.items()}
    )


def _decode(source: FrameSource, frames: Channel[ChunkFrame]) -> float:
    """Returns the seconds that it took, without those that the channel was full."""
    begun = time.perf_counter()
    with closing(iter(source)) as decoded:
        for frame in decoded:
            frames.put(frame)
    return time.perf_counter() - begun - frames.blocked


def _gather(frames: Channel[ChunkFrame], batches: Channel[Batch], size: int) -> float:
    begun = time.perf_counter()
    for batch in gathered(frames, size):
        batches.put(batch)
    return time.perf_counter() - begun - frames.starved - batches.blocked
