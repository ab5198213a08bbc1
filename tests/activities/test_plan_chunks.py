"""The chunk plan: pure, so tested as a function."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.plan_chunks import INDIFFERENCE, best_chunk_size, make_plan, makespan
from contracts.frame_times import FrameTimes
from contracts.plan import PlanFigures
from contracts.video_index import Keyframe, VideoIndex


def index(frames: int, gop: int = 1_000_000) -> VideoIndex:
    keyframes = tuple(Keyframe(pts=n * 512, dts=n * 512) for n in range(0, frames, gop))
    return VideoIndex(
        container="mp4",
        codec="h264",
        stream_index=0,
        width=640,
        height=360,
        pix_fmt="yuv420p",
        time_base=Fraction(1, 15360),
        frames=FrameTimes.encode([n * 512 for n in range(frames)]),
        last_duration=512,
        keyframes=keyframes,
    )


def figures(**changes: float) -> PlanFigures:
    base = {
        "workers": 4,
        "start_up_seconds": 10.0,
        "seconds_per_frame": 0.1,
        "node_losses_per_hour": 0.05,
        "node_price_per_hour": 3.6,
    }
    return PlanFigures.model_validate(base | changes)


def test_one_round_of_all_workers_where_nodes_are_never_lost() -> None:
    plan = make_plan(index(1000), figures(node_losses_per_hour=0))
    assert [chunk.frame_count for chunk in plan.chunks] == [250] * 4
    assert plan.expected_seconds == pytest.approx(10 + 25)


def test_the_more_nodes_are_lost_the_smaller_the_chunks() -> None:
    sizes = [best_chunk_size(100_000, figures(node_losses_per_hour=rate)) for rate in (0, 1, 10, 60)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4


def test_the_longer_the_start_up_the_larger_the_chunks() -> None:
    sizes = [best_chunk_size(100_000, figures(start_up_seconds=s, node_losses_per_hour=10)) for s in (1, 10, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_expected_time_of_a_chunk_follows_duda() -> None:
    # 4 chunks on 4 workers, each 10 + 250 x 0.1 = 35 s, losses at 60 an hour = 1 a minute: (e^(35/60) - 1) x 60 s
    assert makespan(1000, 250, figures(node_losses_per_hour=60)) == pytest.approx(47.52, abs=0.01)


def test_the_cost_counts_every_start_up_and_is_shared_by_a_nodes_slots() -> None:
    plan = make_plan(index(1000), figures(workers_per_node=2), chunk_size=100)
    assert plan.expected_cost == pytest.approx((10 * 10 + 1000 * 0.1) / 2 * 3.6 / 3600)


def test_a_style_that_must_be_fitted_first_adds_its_time_and_cost_once() -> None:
    plain, fitted = (make_plan(index(1000), figures(fit_seconds=s, workers_per_node=2), 100) for s in (0.0, 600.0))
    assert fitted.expected_seconds == pytest.approx(plain.expected_seconds + 600)
    assert fitted.expected_cost == pytest.approx(plain.expected_cost + 600 / 2 * 3.6 / 3600)
    assert fitted.chunks == plain.chunks


def test_a_boundary_near_a_keyframe_moves_onto_it() -> None:
    plan = make_plan(index(300, gop=48), figures(), chunk_size=100)
    assert [chunk.first for chunk in plan.chunks] == [0, 96, 192]


def test_a_boundary_far_from_any_keyframe_stays() -> None:
    plan = make_plan(index(300, gop=250), figures(), chunk_size=100)
    assert [chunk.first for chunk in plan.chunks] == [0, 100, 200]


def test_a_chunk_size_that_was_asked_for_is_kept() -> None:
    plan = make_plan(index(95), figures(), chunk_size=10)
    assert len(plan.chunks) == 10
    assert max(chunk.frame_count for chunk in plan.chunks) <= 11


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 3000),
    gop=st.integers(1, 400),
    size=st.one_of(st.none(), st.integers(1, 500)),
    workers=st.integers(1, 64),
    losses=st.floats(0, 100),
)
def test_every_frame_is_in_exactly_one_chunk(
    frames: int, gop: int, size: int | None, workers: int, losses: float
) -> None:
    plan = make_plan(index(frames, gop), figures(workers=workers, node_losses_per_hour=losses), size)
    covered = [frame for chunk in plan.chunks for frame in range(chunk.first, chunk.last + 1)]
    assert covered == list(range(frames))


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 3000),
    size=st.integers(1, 3000),
    workers=st.integers(1, 40),
    per_task=st.integers(1, 8),
    compile_seconds=st.floats(0, 100),
    losses=st.floats(0, 20),
)
def test_more_workers_never_take_longer(
    frames: int, size: int, workers: int, per_task: int, compile_seconds: float, losses: float
) -> None:
    def reckoned(more: int, more_per_task: int) -> PlanFigures:
        return figures(
            workers=workers + more,
            workers_per_task=per_task + more_per_task,
            compile_seconds=compile_seconds,
            node_losses_per_hour=losses,
        )

    now = reckoned(0, 0)
    for more in (reckoned(1, 0), reckoned(0, 1), reckoned(3, 2)):
        assert makespan(frames, size, more) <= makespan(frames, size, now)
        best, before = (makespan(frames, best_chunk_size(frames, known), known) for known in (more, now))
        assert best <= before * INDIFFERENCE


def test_a_task_of_several_workers_takes_and_costs_so_much_less_but_for_its_start_up() -> None:
    plan = make_plan(index(1000), figures(workers_per_task=5, node_losses_per_hour=0), chunk_size=250)
    assert plan.expected_seconds == pytest.approx(10 + 25 / 5)
    assert plan.expected_cost == pytest.approx((4 * 10 + 100 / 5) * 3.6 / 3600)


def test_compiling_is_paid_by_the_first_task_of_every_worker_only() -> None:
    plain, compiled = (
        make_plan(index(1000), figures(compile_seconds=s, node_losses_per_hour=0), chunk_size=100) for s in (0.0, 40.0)
    )
    assert compiled.expected_seconds == pytest.approx(plain.expected_seconds + 40)
    assert compiled.expected_cost == pytest.approx(plain.expected_cost + 4 * 40 * 3.6 / 3600)


def test_compiling_that_must_be_paid_off_makes_no_more_rounds() -> None:
    assert len(make_plan(index(1000), figures(compile_seconds=40.0, node_losses_per_hour=0)).chunks) == 4


def test_a_chunk_scores_the_frames_that_its_own_depend_on_and_is_reckoned_so() -> None:
    plain, steadied = (make_plan(index(1000), figures(warm_up=n, node_losses_per_hour=0), 250) for n in (0, 3))
    assert [chunk.warm_up for chunk in steadied.chunks] == [0, 3, 3, 3]
    assert steadied.expected_seconds == pytest.approx(plain.expected_seconds + 3 * 0.1)
    assert steadied.expected_cost == pytest.approx(plain.expected_cost + 3 * 3 * 0.1 * 3.6 / 3600)


def test_a_chunk_near_the_start_warms_up_with_the_frames_there_are() -> None:
    assert [chunk.warm_up for chunk in make_plan(index(6), figures(warm_up=3), 2).chunks] == [0, 2, 3]


def test_warming_up_makes_tiny_chunks_dearer_and_so_rarer() -> None:
    known = {"start_up_seconds": 0.0, "node_losses_per_hour": 60, "seconds_per_frame": 10.0}
    sizes = [best_chunk_size(400, figures(warm_up=n, **known)) for n in (0, 3)]
    assert sizes[0] < sizes[1]
