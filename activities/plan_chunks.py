"""Activity `plan_chunks`: how the video is cut. Chunk size is a stated trade-off, chosen by expected makespan.

More chunks: less is redone when a node is lost, and the last round wastes less. Fewer: less start-up. With `n` frames a
chunk and failures at rate `r`, a chunk that takes T = start-up + n x seconds per frame is expected to take
(exp(rT) - 1) / r with its repeats (the mean completion time of a task restarted at Poisson failures: Duda, "The effects
of checkpointing on program execution time", 1983), and ceil(chunks / workers) rounds of that are the makespan. The
first round takes longer where every node has to compile the network first: it is compiled where the makespan is shorter
all the same. A style that has to be fitted first is added to that (see `fit_estimate`).
"""

import math
from bisect import bisect_left
from collections.abc import Sequence

from activities import limits
from activities.execution import executions
from activities.fit_estimate import expected_fit_seconds
from activities.plan_figures import figures_by_execution
from activities.plan_reuse import completed, scored_part
from activities.settings import settings
from activities.storage import system_account
from contracts import layout
from contracts.job import JobRequest, StartInput
from contracts.plan import Chunk, Plan, PlanFigures, TaskSeconds, node_cost
from contracts.settings import Settings
from contracts.steps import Planned
from contracts.task_spec import Execution
from contracts.video_index import VideoIndex

# A boundary moves to a keyframe within this share of a chunk: decoding then needs no pre-roll (1.6 times the decoding
# at 37-frame chunks in 48-frame GOPs), and the chunks stay even enough.
SNAP_SHARE = 0.15
# A makespan this much longer is not worth fewer frames lost with a node; of near equals the finest cut is taken.
INDIFFERENCE = 1.02


def plan_chunks(start: StartInput) -> Planned:
    """Write the plan (or keep that of an earlier run, see `_kept`) and return its size.

    Raises:
        JobRefused: the job would cost more than it may, or have too many chunks.
    """
    system = system_account()
    try:
        plan = _kept(start) or _plan(start)
        limits.check_cost(plan.expected_cost, start.request.options.max_cost, settings())
    except limits.OverLimit as over:
        raise over.refusal() from None
    system.write_json(layout.JOBS, layout.plan_blob(start.job), plan)
    return Planned(chunks=len(plan.chunks), expected_seconds=plan.expected_seconds, expected_cost=plan.expected_cost)


def make_plan(
    index: VideoIndex, figures: PlanFigures, chunk_size: int | None = None, execution: Execution | None = None
) -> Plan:
    """The plan for `index`: chunks of `chunk_size` frames, or of the size with the least expected makespan."""
    size = chunk_size or best_chunk_size(index.frame_count, figures)
    chunks = _cut(index, size, figures.warm_up)
    return Plan(
        frame_count=index.frame_count,
        chunks=chunks,
        figures=figures,
        expected_seconds=round(figures.fit_seconds + makespan(index.frame_count, size, figures), 3),
        expected_cost=round(_cost(index.frame_count, len(chunks), figures), 6),
        execution=execution or Execution(),
    )


def best_chunk_size(frame_count: int, figures: PlanFigures) -> int:
    """Frames a chunk at the least expected makespan; the smallest size among near equals."""
    sizes = sorted({math.ceil(frame_count / chunks) for chunks in _candidates(frame_count, figures.workers)})
    spans = {size: makespan(frame_count, size, figures) for size in sizes}
    best = min(spans.values())
    return next(size for size in sizes if spans[size] <= best * INDIFFERENCE)


def makespan(frame_count: int, size: int, figures: PlanFigures) -> float:
    """Expected seconds until the last of ceil(frame_count / size) chunks is done."""
    rounds = math.ceil(math.ceil(frame_count / size) / figures.workers)
    frames = min(size + figures.warm_up, frame_count)
    once = figures.start_up_seconds + frames * _seconds_per_frame(figures)
    first = _expected_seconds(once + figures.compile_seconds, figures)
    return first + (rounds - 1) * _expected_seconds(once, figures)


def _seconds_per_frame(figures: PlanFigures) -> float:
    """Of a task: its workers share the frames."""
    return figures.seconds_per_frame / figures.workers_per_task


def _expected_seconds(once: float, figures: PlanFigures) -> float:
    """Of a task that takes `once` seconds where nothing goes wrong."""
    rate = figures.node_losses_per_hour / 3600
    return once if rate == 0 else math.expm1(min(rate * once, 700.0)) / rate  # exp(700) is near the largest float


def _candidates(frame_count: int, workers: int) -> list[int]:
    """Numbers of chunks worth trying: whole rounds of all workers, up to one frame a chunk."""
    rounds = range(1, min(2_000, math.ceil(frame_count / workers)) + 1)
    return [min(frame_count, n * workers) for n in rounds]


def _cut(index: VideoIndex, size: int, warm_up: int) -> tuple[Chunk, ...]:
    count = math.ceil(index.frame_count / size)
    even = [round(index.frame_count * n / count) for n in range(1, count)]
    keyframes = _keyframe_numbers(index)
    bounds = [0, *(_snap(bound, keyframes, SNAP_SHARE * size) for bound in even), index.frame_count]
    return tuple(
        Chunk(index=n, first=bounds[n], last=bounds[n + 1] - 1, warm_up=min(warm_up, bounds[n])) for n in range(count)
    )


def _snap(bound: int, keyframes: Sequence[int], reach: float) -> int:
    """The nearest keyframe within `reach` frames of `bound`, else `bound`."""
    position = bisect_left(keyframes, bound)
    near = [k for k in keyframes[max(0, position - 1) : position + 1] if abs(k - bound) <= reach]
    return min(near, key=lambda k: abs(k - bound), default=bound)


def _keyframe_numbers(index: VideoIndex) -> list[int]:
    if not index.keyframes:
        return []
    numbers = {pts: number for number, pts in enumerate(index.frames.decode())}
    return [numbers[k.pts] for k in index.keyframes if k.pts in numbers]


def task_seconds(frame_count: int, chunks: int, figures: PlanFigures) -> TaskSeconds:
    """What the job's tasks take together where nothing goes wrong."""
    return TaskSeconds(
        fit=figures.fit_seconds,
        start_up=chunks * figures.start_up_seconds,
        compile=min(chunks, figures.workers) * figures.compile_seconds,
        score=(frame_count + (chunks - 1) * figures.warm_up) * _seconds_per_frame(figures),
    )


def repeated_seconds(seconds: TaskSeconds, chunks: int, figures: PlanFigures) -> float:
    """What lost nodes are expected to add to that: each task begins again."""
    chunk = (seconds.start_up + seconds.compile + seconds.score) / chunks
    tasks = [*[(1, once) for once in (seconds.fit, seconds.stitch)], (chunks, chunk)]
    return sum(count * (_expected_seconds(once, figures) - once) for count, once in tasks)


def _cost(frame_count: int, chunks: int, figures: PlanFigures) -> float:
    seconds = task_seconds(frame_count, chunks, figures).total
    return node_cost(seconds, figures.workers_per_node, figures.node_price_per_hour)


def _kept(start: StartInput) -> Plan | None:
    """The plan there is. One whose way to run the settings do not allow any more stands only if it was used: a network
    that could not be compiled, for one, must not be tried again for ever.
    """
    plan = system_account().find_json(layout.JOBS, layout.plan_blob(start.job), Plan)
    if plan is None or plan.execution in executions(start.request.scorer, settings()):
        return plan
    return plan if _has_scored(start.job, plan) else None


def _has_scored(job: str, plan: Plan) -> bool:
    """Whether there are segments that tasks of the job made; those of a base's frames nobody scored for it."""
    container = system_account().container(layout.JOBS)
    reused = tuple(layout.segment_prefix(job, chunk.index) for chunk in plan.chunks if chunk.reuse)
    segments = container.list_blob_names(name_starts_with=layout.segment_prefix(job))
    return any(not name.startswith(reused) for name in segments)


def _plan(start: StartInput) -> Plan:
    known = settings()
    index = system_account().read_json(layout.JOBS, layout.index_blob(start.job), VideoIndex)
    scored = scored_part(start.request, index)
    plan = best_plan(start.request, scored, expected_fit_seconds(start), known)
    return completed(start, index, plan, known.max_chunks)


def best_plan(request: JobRequest, scored: VideoIndex, fit_seconds: float, known: Settings) -> Plan:
    """The plan for `scored`, of the way to run that is expected to end first.

    Raises:
        OverLimit: chunks of the size that was asked for would be too many.
    """
    asked, plans = request.options.chunk_size, list[Plan]()
    for execution, figures in figures_by_execution(request, scored, fit_seconds, known):
        size = asked or _size_within_limit(scored.frame_count, figures, known.max_chunks)
        limits.check_chunks(size, math.ceil(scored.frame_count / size), known)
        plans.append(make_plan(scored, figures, size, execution))
    return min(plans, key=lambda plan: plan.expected_seconds)


def _size_within_limit(frame_count: int, figures: PlanFigures, max_chunks: int) -> int:
    """The planner's own choice is made larger rather than refused."""
    return max(best_chunk_size(frame_count, figures), math.ceil(frame_count / max(1, max_chunks)))
