"""Activity `submit_chunk`: hand one attempt at a chunk, or a piece of it, to Batch, unless it is finished already."""

from bisect import bisect_left, bisect_right

from activities import gpu_tasks, job_files, models
from activities.reuse import reuse_chunk
from activities.segments import find_outcomes, read_outcomes, record
from activities.settings import settings
from contracts import frame_runs, layout
from contracts.frame_runs import FrameRun
from contracts.job import StartInput
from contracts.ledger import ChunkOutcome
from contracts.plan import Chunk, Plan
from contracts.steps import BadCount, Submitted, TaskRef
from contracts.task_spec import Replacement, ScorerOptions, ScoreSpec
from contracts.video_index import VideoIndex

# Frames beyond the longest run of bad ones among which a good one to hold is looked for.
HOLD_REACH = 16


def submit_chunk(task: TaskRef) -> Submitted:
    """Write the task's spec and queue its message; or say what of the work is finished.

    Raises:
        JobRefused: the model it needs is gone, or the result it reuses.
    """
    assert task.chunk is not None
    start, plan = job_files.read_start(task.job, task.run), job_files.read_plan(task.job, task.run)
    chunk = plan.chunks[task.chunk]
    span = task.piece or (chunk.first, chunk.last)
    # Of a first attempt nothing can be finished, and handing it over asks the same.
    if (chunk.reuse or not _is_first(task)) and gpu_tasks.has_ended(task.job, task.run):
        return Submitted(state="ended")
    if chunk.reuse:
        return _finished(span, [_reused(task.job, chunk)])
    if not _is_first(task):
        outcomes = find_outcomes(task.job, chunk, span, start.request.options.on_bad_frame != "fail")
        if outcomes and task.replacement is None:
            return _finished(span, outcomes)
    is_submitted = gpu_tasks.hand_over(task, _spec(task, span, start, plan))
    return Submitted(state="submitted" if is_submitted else "ended", span=span)


def _is_first(task: TaskRef) -> bool:
    """Whether nobody can have done any of it: the first attempt at a whole chunk in the job's first run."""
    return task.run == 1 and task.attempt == 1 and task.piece is None


def _reused(job: str, chunk: Chunk) -> ChunkOutcome:
    if recorded := read_outcomes(job, chunk.index):
        return recorded[0]
    outcome = reuse_chunk(job, chunk)
    record(job, outcome)
    return outcome


def _finished(span: FrameRun, outcomes: list[ChunkOutcome]) -> Submitted:
    missing = frame_runs.without(span, [(outcome.first, outcome.last) for outcome in outcomes])
    bad = BadCount.of(run for outcome in outcomes for run in outcome.replaced)
    return Submitted(
        state="partial" if missing else "done",
        span=span,
        missing=missing,
        frames=span[1] - span[0] + 1 - frame_runs.count(missing),
        **BadCount.fields_of(bad),
    )


def _spec(task: TaskRef, span: FrameRun, start: StartInput, plan: Plan) -> ScoreSpec:
    index = job_files.read_index(task.job)
    options = start.request.options
    first, last = span
    steadied = plan.figures.warm_up > 0 and not is_judged_alone(task, span, settings().max_attempts)
    warm_up = warm_up_of(plan.figures.warm_up, first, task.replacement) if steadied else 0
    reach = 0 if task.replacement is None else options.max_bad_run + HOLD_REACH
    return ScoreSpec(
        identity=gpu_tasks.identity(task),
        source=gpu_tasks.video_source(start),
        index=index.window(window_start(index, first - max(warm_up, reach)), min(index.frame_count - 1, last + reach)),
        first=first,
        last=last,
        warm_up=warm_up,
        steadied=steadied,
        replacement=task.replacement,
        scorer=start.request.scorer,
        model=models.model_ref(start),
        options=ScorerOptions.model_validate(options.model_dump(include=set(ScorerOptions.model_fields))),
        execution=plan.execution,
        to=gpu_tasks.destinations(task, layout.JOBS, layout.segment_blob(task.job, task.task, task.run)),
    )


def warm_up_of(frames: int, first: int, replacement: Replacement | None) -> int:
    """Frames to score before `first`, where pixels depend on `frames` before their own.

    Where the first is to be held, what it holds must look as it did in its own place: it takes as many again.
    """
    if replacement is None or not frame_runs.contains(replacement.frames, first):
        return min(frames, first)
    good = frame_runs.without((0, first - 1), [*replacement.frames, *replacement.avoid]) if first else ()
    return min(first, first - good[-1][1] + frames) if good else 0


def is_judged_alone(task: TaskRef, span: FrameRun, most_attempts: int) -> bool:
    """Whether a single frame has failed so often that one before it may be to blame, whatever dies of that.

    It is scored once without them, so without being steadied, before it is called bad.
    """
    return span[0] == span[1] and task.replacement is None and 1 < most_attempts <= task.attempt


def window_start(index: VideoIndex, frame: int) -> int:
    """`frame`, or the keyframe before it in a transport stream: a packet that was lost between the two spoils what
    follows, and only the index tells that it was there."""
    frame = max(0, frame)
    if index.seek != "dts":
        return frame
    times = index.frames.decode()
    before = bisect_right(index.keyframes, times[frame], key=lambda keyframe: keyframe.pts) - 1
    return bisect_left(times, index.keyframes[before].pts) if before >= 0 else 0
