"""Which machines: with a GPU or without, few large nodes or many small ones, and what a chunk's size does to the price.

Time is the planner's own (`activities/plan_chunks.py`): what is compared here is what a job would be planned by.
"""

import math
from dataclasses import dataclass

from activities.plan_chunks import best_chunk_size, makespan, repeated_seconds, task_seconds
from contracts.plan import PlanFigures


@dataclass(frozen=True)
class Machine:
    """`start_up_seconds` are paid once per chunk; `seconds_per_frame` are one worker's."""

    price_per_hour: float
    seconds_per_frame: float
    start_up_seconds: float = 0.0

    def price(self, frames: int, chunks: int = 1) -> float:
        """Of `frames` in so many chunks, where nothing goes wrong."""
        seconds = chunks * self.start_up_seconds + frames * self.seconds_per_frame
        return seconds * self.price_per_hour / 3600


def break_even_speed(dearer: Machine, cheaper: Machine) -> float:
    """How many times faster `dearer` has to be, start-up aside, to cost the same a frame."""
    return dearer.price_per_hour / cheaper.price_per_hour


def break_even_frames(dearer: Machine, cheaper: Machine) -> int | None:
    """Frames of a chunk from which on `dearer` costs no more; None where it always costs more."""
    saved = cheaper.price(1) - cheaper.price(0) - (dearer.price(1) - dearer.price(0))
    more = dearer.price(0) - cheaper.price(0)
    if more <= 0 and saved >= 0:
        return 0
    return math.ceil(more / saved - 1e-9) if saved > 0 else None


@dataclass(frozen=True)
class Cut:
    """One way to do a job: seconds to its end, its price with what lost nodes repeat, chunks and their size in frames,
    the chance that it meets a lost node at all, and the frames that one takes with it on average."""

    seconds: float
    price: float
    chunks: int
    chunk_frames: int
    loss_chance: float
    frames_lost: float


def cut(frames: int, figures: PlanFigures, size: int | None = None) -> Cut:
    """The job in chunks of `size` frames, or of the size that the planner takes."""
    size = size or best_chunk_size(frames, figures)
    chunks = math.ceil(frames / size)
    seconds = task_seconds(frames, chunks, figures)
    paid = seconds.total + repeated_seconds(seconds, chunks, figures)
    node_hours = paid / figures.workers_per_node / 3600
    return Cut(
        seconds=makespan(frames, size, figures),
        price=node_hours * figures.node_price_per_hour,
        chunks=chunks,
        chunk_frames=size,
        loss_chance=-math.expm1(-node_hours * figures.node_losses_per_hour),
        frames_lost=min(size, frames) / 2,
    )


def shaped(figures: PlanFigures, gpus: int, gpus_per_node: int) -> PlanFigures:
    """`gpus` in nodes of `gpus_per_node`, whose GPUs share each task; `figures` are those of nodes with one GPU.

    A node's price grows with its GPUs, as list prices do; the chance to lose one does not.
    """
    if gpus % gpus_per_node:
        raise ValueError(f"gpus_per_node: {gpus} GPUs make no whole nodes of {gpus_per_node}; give a divisor")
    return figures.model_copy(
        update={
            "workers": gpus // gpus_per_node,
            "workers_per_task": gpus_per_node,
            "node_price_per_hour": figures.node_price_per_hour * gpus_per_node,
        }
    )
