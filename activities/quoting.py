"""What a job would take, before it is one: its plan by today's figures, and what that costs."""

import math
from collections.abc import Callable
from fractions import Fraction

from activities import limits
from activities.fit_estimate import seconds_to_fit
from activities.model_choice import choice_now, class_of
from activities.plan_chunks import best_plan, repeated_seconds, task_seconds
from activities.settings import settings
from contracts.frame_times import FrameTimes
from contracts.job import JobRequest
from contracts.plan import Plan, TaskSeconds, node_cost
from contracts.quote import BrokenLimit, Price, Quote, QuoteRequest, VideoFacts
from contracts.settings import Settings
from contracts.video_index import VideoIndex

# A task on a node stitched 190 MB a second (benchmarks/results/stitch.json: 500 segments, one core); a network may be
# slower. The result's size is not known yet: the source's stands for it.
STITCHED_BYTES_PER_SECOND = 100e6


def quote(asked: QuoteRequest, style_sha256: str | None) -> Quote:
    """`style_sha256` is of the image that the job's network is fitted to; None for a job without such a network."""
    known, request, facts = settings(), asked.request, asked.video
    broken = _Broken()
    name = request.video or ""
    broken.check(lambda: limits.check_video_bytes(facts.bytes, known))
    broken.check(lambda: limits.check_frames(name, facts.frames, known))
    broken.check(lambda: limits.check_pixels(name, facts.width, facts.height, known))
    broken.check(lambda: limits.check_duration(name, facts.seconds, known))
    scored = _scored_part(asked)
    allowed = _with_chunks_within_limit(request, scored.frame_count, known, broken)
    plan = best_plan(allowed, scored, _fit_seconds(asked, style_sha256), known)
    broken.check(lambda: limits.check_cost(plan.expected_cost, request.options.max_cost, known))
    return _quote(plan, facts, known, broken.found)


def _quote(plan: Plan, facts: VideoFacts, known: Settings, broken: tuple[BrokenLimit, ...]) -> Quote:
    figures, chunks = plan.figures, len(plan.chunks)
    assert figures.frame_size is not None
    seconds = task_seconds(plan.frame_count, chunks, figures)
    seconds = seconds.model_copy(update={"stitch": _stitch_seconds(facts, figures.start_up_seconds, known)})
    repeated = repeated_seconds(seconds, chunks, figures)
    return Quote(
        frames=plan.frame_count,
        width=figures.frame_size[0],
        height=figures.frame_size[1],
        chunks=chunks,
        chunk_frames=max(chunk.frame_count for chunk in plan.chunks),
        nodes=math.ceil(min(chunks, figures.workers) / figures.workers_per_node),
        seconds=seconds,
        node_seconds=seconds.total / figures.workers_per_node,
        repeated_seconds=repeated,
        expected_seconds=plan.expected_seconds,
        boot_seconds=known.node_boot_seconds or None,
        expected_cost=plan.expected_cost,
        price=_price(seconds, repeated, known),
        currency=known.price_currency,
        figures=figures,
        execution=plan.execution,
        limits=broken,
    )


def _price(seconds: TaskSeconds, repeated: float, known: Settings) -> Price | None:
    prices = [price for price in (known.spot_price_per_hour, known.node_price_per_hour) if price]
    if not prices:
        return None
    slots = known.pool_slots_per_node
    return Price(
        low=round(node_cost(seconds.total, slots, min(prices)), 6),
        high=round(node_cost(seconds.total + repeated, slots, max(prices)), 6),
    )


def _fit_seconds(asked: QuoteRequest, style_sha256: str | None) -> float:
    if style_sha256 is None:
        return 0.0
    options, video = asked.request.options, asked.video
    size_class = class_of(video.width, video.height, options.max_dimension)
    return seconds_to_fit(choice_now(style_sha256, options.style_scale, size_class))


def _stitch_seconds(facts: VideoFacts, start_up: float, known: Settings) -> float:
    """Of the task that stitches what is too large for the app; 0 where the app will do it."""
    return start_up + facts.bytes / STITCHED_BYTES_PER_SECOND if facts.bytes > known.stitch_inline_bytes else 0.0


def _scored_part(asked: QuoteRequest) -> VideoIndex:
    """As much of an index as a plan needs: how many frames are scored, and how large. No chunk follows a keyframe."""
    facts, part = asked.video, asked.request.frames
    count = part[1] - part[0] + 1 if part else facts.frames
    return VideoIndex(
        container="",
        codec="",
        stream_index=0,
        width=facts.width,
        height=facts.height,
        pix_fmt="",
        time_base=Fraction(1),
        seek="ordinal",
        frames=FrameTimes(start=0, runs=((1, count - 1),) if count > 1 else ()),
        last_duration=1,
    )


def _with_chunks_within_limit(request: JobRequest, frames: int, known: Settings, broken: "_Broken") -> JobRequest:
    """The request, or, where it asks for more chunks than there may be, with the smallest size that is allowed."""
    size, least = request.options.chunk_size, math.ceil(frames / max(1, known.max_chunks))
    if size is None or broken.check(lambda: limits.check_chunks(size, math.ceil(frames / size), known)):
        return request
    return request.model_copy(update={"options": request.options.model_copy(update={"chunk_size": least})})


class _Broken:
    """Collects the limits that a job would break: a quote tells them and goes on."""

    def __init__(self) -> None:
        self.found: tuple[BrokenLimit, ...] = ()

    def check(self, limit: Callable[[], None]) -> bool:
        """Whether it holds."""
        try:
            limit()
        except limits.OverLimit as over:
            broken = BrokenLimit(field=over.field, value=over.value, limit=over.limit, problem=over.problem)
            self.found = (*self.found, broken)
            return False
        return True
