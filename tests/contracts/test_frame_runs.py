from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import frame_runs

frames = st.sets(st.integers(0, 60), max_size=30)


def numbers(runs: tuple[tuple[int, int], ...]) -> list[int]:
    return [frame for first, last in runs for frame in range(first, last + 1)]


@given(frames)
def test_runs_hold_just_the_frames_they_were_made_of_and_never_touch(wanted: set[int]) -> None:
    runs = frame_runs.runs_of(wanted)
    assert numbers(runs) == sorted(wanted)
    assert frame_runs.count(runs) == len(wanted)
    assert all(b[0] > a[1] + 1 for a, b in pairwise(runs))


@given(frames, st.integers(0, 60), st.integers(0, 60))
def test_taking_runs_out_and_cutting_them_to_size_are_opposites(holes: set[int], a: int, b: int) -> None:
    first, last = min(a, b), max(a, b)
    runs = frame_runs.runs_of(holes)
    inside, rest = frame_runs.within(runs, first, last), frame_runs.without((first, last), runs)
    assert sorted(numbers(inside) + numbers(rest)) == list(range(first, last + 1))
    assert all(frame_runs.contains(runs, frame) for frame in numbers(inside))
    assert not any(frame_runs.contains(runs, frame) for frame in numbers(rest))


def test_runs_that_touch_or_overlap_become_one() -> None:
    assert frame_runs.merged([(5, 6), (0, 2), (3, 3), (6, 9)]) == ((0, 3), (5, 9))
    with pytest.raises(ValueError, match="no run of frames"):
        frame_runs.merged([(3, 2)])


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([(3, 3)], "frame 3"),
        ([(3, 5)], "frames 3..5"),
        ([(3, 3), (4, 4)], "frames 3..4"),
        ([(1, 1), (3, 9)], "frames 1 and 3..9"),
        ([(1, 1), (3, 3), (5, 5), (7, 7)], "frames 1, 3 and 2 more runs"),
    ],
)
def test_runs_are_named_as_people_name_them(runs: list[tuple[int, int]], said: str) -> None:
    assert frame_runs.words(runs, most=2) == said


@given(frames)
def test_runs_survive_a_blobs_metadata(wanted: set[int]) -> None:
    runs = frame_runs.runs_of(wanted)
    assert frame_runs.from_text(frame_runs.to_text(runs)) == runs


@pytest.mark.parametrize("text", ["x", "1-2-3", "-1", "1,,2", "3-2", "1-"])
def test_text_that_is_no_list_of_runs_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="run"):
        frame_runs.from_text(text)
