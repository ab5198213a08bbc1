"""Frame times survive their encoding, and steady ones take no room."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.frame_times import FrameTimes

deltas = st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 30)), max_size=20)


def expand(start: int, runs: list[tuple[int, int]]) -> list[int]:
    pts = [start]
    for delta, repeat in runs:
        for _ in range(repeat):
            pts.append(pts[-1] + delta)
    return pts


@settings(deadline=None)
@given(st.integers(-(2**40), 2**40), deltas)
def test_what_is_encoded_is_decoded(start: int, runs: list[tuple[int, int]]) -> None:
    pts = expand(start, runs)
    times = FrameTimes.encode(pts)
    assert times.decode() == pts
    assert len(times) == len(pts)
    assert FrameTimes.model_validate_json(times.to_json()) == times


@settings(deadline=None)
@given(st.integers(-1000, 1000), deltas)
def test_neighbouring_runs_differ(start: int, runs: list[tuple[int, int]]) -> None:
    found = FrameTimes.encode(expand(start, runs)).runs
    assert all(a[0] != b[0] for a, b in pairwise(found))


def test_a_steady_film_is_one_run() -> None:
    two_hours = range(0, 216_000 * 1001, 1001)
    times = FrameTimes.encode(two_hours)
    assert times.runs == ((1001, 215_999),)
    assert len(times.to_json()) < 60


def test_one_frame_has_no_runs() -> None:
    assert FrameTimes.encode([42]) == FrameTimes(start=42)
    assert len(FrameTimes(start=42)) == 1


def test_no_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        FrameTimes.encode([])


@pytest.mark.parametrize("pts", [[0, 0], [0, 5, 4]])
def test_times_that_do_not_increase_are_refused(pts: list[int]) -> None:
    with pytest.raises(ValidationError, match="must be at least 1"):
        FrameTimes.encode(pts)


@pytest.mark.parametrize("run", [(0, 1), (1, 0), (-3, 2)])
def test_empty_and_backward_runs_are_refused(run: tuple[int, int]) -> None:
    with pytest.raises(ValidationError, match=r"runs: \(.*must be at least 1"):
        FrameTimes(start=0, runs=(run,))
