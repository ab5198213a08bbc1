"""Decode times: increasing, never after presentation, and the first packet's delay is the least."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from media.decode_times import DecodeTimes


def decode_order(count: int, groups: list[int]) -> list[int]:
    """Frame numbers as an encoder with two B-frames sends them: the first frame, then each group's last one first."""
    order = [0]
    for size in [*groups, *[1] * count]:
        group = list(range(len(order), min(count, len(order) + size)))
        order += group[-1:] + group[:-1]
    return order


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=40),
    st.integers(0, 300),
    st.lists(st.integers(1, 3), max_size=40),
)
def test_decode_times_increase_and_precede_presentation(durations: list[int], start: int, groups: list[int]) -> None:
    pts = [start]
    for duration in durations[:-1]:
        pts.append(pts[-1] + duration)
    order = decode_order(len(pts), groups)
    assert sorted(order) == list(range(len(pts)))
    times = DecodeTimes(pts, min(durations), 2)
    dts = [times.next(number) for number in order]
    assert all(a < b for a, b in pairwise(dts))
    distances = [pts[number] - time for number, time in zip(order, dts, strict=True)]
    assert min(distances) >= 0
    before_zero = [distance for distance, time in zip(distances, dts, strict=True) if time < 0]
    assert min(before_zero, default=distances[0]) >= distances[0]


def test_a_constant_rate_is_as_x264_has_it() -> None:
    times = DecodeTimes(range(0, 600, 100), 100, 2)
    assert [times.next(number) for number in (0, 3, 1, 2, 5, 4)] == [-200, -100, 0, 100, 200, 300]


def test_a_long_gap_does_not_part_decoding_from_presentation() -> None:
    times = DecodeTimes([0, 4000, 8000, 8100, 8200], 100, 2)
    assert [times.next(number) for number in range(5)] == [-200, 3800, 7800, 7900, 8000]
