"""What the tests of speed share: a plan, and outcomes as tasks of one run leave them."""

from fractions import Fraction
from typing import Any

from activities.plan_chunks import make_plan
from contracts import layout
from contracts.frame_times import FrameTimes
from contracts.ledger import ChunkOutcome
from contracts.messages import StageSeconds
from contracts.plan import Plan, PlanFigures
from contracts.task_spec import Execution
from contracts.video_index import Keyframe, VideoIndex

JOB = "clip-1"
FRAMES = 60
SIZE = (64, 48)


def video_index(frames: int = FRAMES) -> VideoIndex:
    return VideoIndex(
        container="mp4",
        codec="h264",
        stream_index=0,
        width=SIZE[0],
        height=SIZE[1],
        pix_fmt="yuv420p",
        time_base=Fraction(1, 15360),
        frames=FrameTimes.encode([n * 512 for n in range(frames)]),
        last_duration=512,
        keyframes=(Keyframe(pts=0, dts=0),),
    )


def plan_of(chunk_size: int, execution: Execution | None = None, **figures: Any) -> Plan:
    base = {
        "workers": 2,
        "start_up_seconds": 1,
        "seconds_per_frame": 0.5,
        "node_losses_per_hour": 0,
        "node_price_per_hour": 0,
        "frame_size": SIZE,
    }
    return make_plan(video_index(), PlanFigures.model_validate(base | figures), chunk_size, execution)


def outcome(plan: Plan, chunk: int, run: int = 1, job: str = JOB, **changes: Any) -> ChunkOutcome:
    """A chunk that took 2 s of start-up and half a second a frame, its warm-up included, after 3 s in the queue."""
    cut, task = plan.chunks[chunk], layout.chunk_task(chunk, None, 1)
    made = ChunkOutcome(
        chunk=chunk,
        first=cut.first,
        last=cut.last,
        attempt=1,
        task=task,
        segment=layout.segment_blob(job, task, run),
        segment_sha256="0" * 64,
        segment_bytes=2,
        seconds=StageSeconds(queue=3.0, start=2.0, total=2.0 + 0.5 * (cut.warm_up + cut.frame_count)),
        device="cpu",
    )
    return made.model_copy(update=changes)


def outcomes(plan: Plan, run: int = 1, job: str = JOB) -> list[ChunkOutcome]:
    return [outcome(plan, chunk.index, run, job) for chunk in plan.chunks]
