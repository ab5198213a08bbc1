"""GPU against CPU, large nodes against small, and chunk sizes, by the planner's own figures."""

import math

import pytest

from contracts.plan import PlanFigures
from scripts.machine_costs import Machine, break_even_frames, break_even_speed, cut, shaped

GPU = Machine(price_per_hour=0.6, seconds_per_frame=0.02, start_up_seconds=20)
CPU = Machine(price_per_hour=0.4, seconds_per_frame=0.3, start_up_seconds=5)
FIGURES = PlanFigures(
    workers=1, start_up_seconds=20, seconds_per_frame=0.05, node_losses_per_hour=0.5, node_price_per_hour=0.6
)


def test_the_dearer_machine_has_to_be_as_many_times_faster_as_it_is_dearer() -> None:
    ratio = break_even_speed(GPU, CPU)
    assert ratio == pytest.approx(1.5)
    even = Machine(GPU.price_per_hour, CPU.seconds_per_frame / ratio)
    assert even.price(1000) == pytest.approx(Machine(CPU.price_per_hour, CPU.seconds_per_frame).price(1000))


def test_a_longer_start_up_pays_from_some_chunk_size_on() -> None:
    frames = break_even_frames(GPU, CPU)
    assert frames is not None
    assert GPU.price(frames) <= CPU.price(frames)
    assert GPU.price(frames - 1) > CPU.price(frames - 1)


def test_there_may_be_no_such_size_or_any_may_do() -> None:
    slow = Machine(price_per_hour=0.6, seconds_per_frame=0.3, start_up_seconds=20)
    assert break_even_frames(slow, CPU) is None
    assert break_even_frames(Machine(0.6, 0.02, 0.0), CPU) == 0


def test_start_up_is_paid_once_a_chunk() -> None:
    assert GPU.price(100, chunks=3) == pytest.approx((3 * 20 + 100 * 0.02) * 0.6 / 3600)


def test_where_nothing_is_lost_the_price_is_that_of_the_chunks_seconds() -> None:
    safe = FIGURES.model_copy(update={"node_losses_per_hour": 0.0})
    found = cut(1000, safe, size=250)
    assert (found.chunks, found.seconds) == (4, pytest.approx(4 * (20 + 12.5)))
    assert found.price == pytest.approx(Machine(0.6, 0.05, 20).price(1000, chunks=4))
    assert found.loss_chance == 0


def test_small_chunks_cost_start_up_and_large_ones_what_is_lost() -> None:
    lossy = FIGURES.model_copy(update={"node_losses_per_hour": 10.0, "workers": 4})
    best, tiny, huge = cut(40_000, lossy), cut(40_000, lossy, 50), cut(40_000, lossy, 10_000)
    assert best.price < min(tiny.price, huge.price)
    assert best.seconds < min(tiny.seconds, huge.seconds)
    assert tiny.frames_lost < best.frames_lost < huge.frames_lost


def test_gpus_in_larger_nodes_cost_the_same_where_nothing_is_lost_and_meet_fewer_losses_each_of_more_frames() -> None:
    safe = FIGURES.model_copy(update={"node_losses_per_hour": 0.0})
    small, large = (cut(96_000, shaped(safe, 8, g)) for g in (1, 8))
    assert (small.seconds, small.price) == (pytest.approx(large.seconds), pytest.approx(large.price))
    small, large = (cut(96_000, shaped(FIGURES, 8, g), 12_000 * g) for g in (1, 8))
    assert large.loss_chance < small.loss_chance
    assert large.frames_lost == 8 * small.frames_lost
    assert large.price == pytest.approx(small.price, rel=1e-9)  # fewer losses, each of so many more GPUs


def test_only_whole_nodes_can_be_had() -> None:
    with pytest.raises(ValueError, match="8 GPUs make no whole nodes of 3"):
        shaped(FIGURES, 8, 3)
    assert math.isclose(shaped(FIGURES, 8, 4).node_price_per_hour, 2.4)
