"""The index: what it says of a video, and the windows tasks are given."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.frame_times import FrameTimes
from contracts.video_index import Keyframe, VideoIndex


def index_of(pts: list[int], gop: int = 10, **changes: Any) -> VideoIndex:
    fields: dict[str, Any] = {
        "container": "mov",
        "codec": "h264",
        "stream_index": 0,
        "width": 160,
        "height": 90,
        "pix_fmt": "yuv420p",
        "time_base": Fraction(1, 1000),
        "frames": FrameTimes.encode(pts),
        "last_duration": 40,
        "keyframes": tuple(Keyframe(pts=value, dts=value) for value in pts[::gop]),
    }
    return VideoIndex(**fields | changes)


@st.composite
def indexes_with_ranges(draw: st.DrawFn) -> tuple[VideoIndex, int, int]:
    deltas = draw(st.lists(st.integers(1, 90), min_size=0, max_size=120))
    pts = [draw(st.integers(-500, 500))]
    for delta in deltas:
        pts.append(pts[-1] + delta)
    first = draw(st.integers(0, len(pts) - 1))
    last = draw(st.integers(first, len(pts) - 1))
    return index_of(pts, draw(st.integers(1, 50))), first, last


@settings(deadline=None)
@given(indexes_with_ranges())
def test_a_window_holds_its_frames_under_their_numbers(case: tuple[VideoIndex, int, int]) -> None:
    index, first, last = case
    window = index.window(first, last)
    assert window.first_frame == first
    assert window.frames.decode() == index.frames.decode()[first : last + 1]


@settings(deadline=None)
@given(indexes_with_ranges())
def test_a_window_knows_how_long_its_last_frame_lasts(case: tuple[VideoIndex, int, int]) -> None:
    index, first, last = case
    pts = [*index.frames.decode(), index.frames.decode()[-1] + index.last_duration]
    assert index.window(first, last).duration == (pts[last + 1] - pts[first]) * index.time_base


@settings(deadline=None)
@given(indexes_with_ranges(), st.integers(1, 4))
def test_a_window_keeps_the_seek_points_a_reader_may_use(case: tuple[VideoIndex, int, int], seek_points: int) -> None:
    index, first, last = case
    pts = index.frames.decode()
    kept = index.window(first, last, seek_points=seek_points).keyframes
    before = [k for k in index.keyframes if k.pts <= pts[first]]
    inside = [k for k in index.keyframes if pts[first] < k.pts <= pts[last]]
    assert kept == tuple(dict.fromkeys([before[0], *before[-seek_points:], *inside]))


@settings(deadline=None)
@given(indexes_with_ranges())
def test_a_window_of_a_window_is_a_window(case: tuple[VideoIndex, int, int]) -> None:
    index, first, last = case
    assert index.window(first, last).window(last, last).frames == index.window(last, last).frames


@settings(deadline=None)
@given(indexes_with_ranges(), st.data())
def test_windows_of_any_cut_cover_every_frame_once(case: tuple[VideoIndex, int, int], data: st.DataObject) -> None:
    index = case[0]
    inner = data.draw(st.sets(st.integers(0, index.frame_count)))
    bounds = sorted(inner | {0, index.frame_count})
    windows = [index.window(a, b - 1) for a, b in pairwise(bounds)]
    assert [pts for window in windows for pts in window.frames.decode()] == index.frames.decode()
    assert sum((window.duration for window in windows), Fraction(0)) == index.duration


@settings(deadline=None)
@given(indexes_with_ranges())
def test_an_index_survives_json(case: tuple[VideoIndex, int, int]) -> None:
    assert VideoIndex.model_validate_json(case[0].to_json()) == case[0]


@pytest.mark.parametrize(("first", "last"), [(-1, 2), (3, 2), (0, 10), (10, 10)])
def test_a_window_outside_the_index_is_refused(first: int, last: int) -> None:
    index = index_of(list(range(0, 400, 40)))
    with pytest.raises(ValueError, match=rf"frames {first}\.\.{last} are outside this index, which holds 0\.\.9"):
        index.window(first, last)
    with pytest.raises(ValueError, match=r"holds 4\.\.6"):
        index.window(4, 6).window(3, 5)


def test_the_duration_includes_the_last_frame() -> None:
    assert index_of([0, 40, 100]).duration == Fraction(140, 1000)


def test_an_index_without_seek_points_must_be_counted() -> None:
    with pytest.raises(ValidationError, match="only 'ordinal' does without"):
        index_of([0, 40], keyframes=())
    assert index_of([0, 40], keyframes=(), seek="ordinal").keyframes == ()


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="bitrate"):
        index_of([0], bitrate=1)
