"""The checker catches what it is there for: a suite that can flag nothing proves nothing."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from contracts.ledger import Ledger, LedgerEntry
from tests.chaos import checker, picture
from tests.chaos.checker import Expected
from tests.chaos.jobs import FRAMES, SIZE
from tests.chaos.picture import Picture
from tests.end_to_end.local_stack import make_clip

CHUNKS = ((0, 15), (16, 31), (32, 47))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    return picture.read(make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", FRAMES, SIZE))


def ledger(*ranges: tuple[int, int]) -> Ledger:
    entries = tuple(
        LedgerEntry(first=first, last=last, outcome="scored", chunk=chunk, attempt=1, task=f"c{chunk:05d}-a1")
        for chunk, (first, last) in enumerate(ranges)
    )
    return Ledger(job="job", frame_count=FRAMES, entries=entries)


def reordered(whole: Picture, order: list[int]) -> Picture:
    """The picture with these frames, shown at the times of its first ones."""
    return replace(
        whole,
        frames=tuple(whole.frames[number] for number in order),
        times=tuple(Fraction(number, 30) for number in range(len(order))),
        planes=whole.planes[order],
    )


def problems(whole: Picture, found: Picture, *ranges: tuple[int, int]) -> str:
    expected = Expected(whole, frozenset(CHUNKS))
    return "; ".join(checker.check_result(found, ledger(*(ranges or CHUNKS)), expected))


def test_an_equal_result_has_no_problems(whole: Picture) -> None:
    assert len(set(whole.frames)) == FRAMES
    assert problems(whole, whole) == ""


def test_a_missing_frame_is_named(whole: Picture) -> None:
    order = [number for number in range(FRAMES) if number != 20]
    assert "frames [20] are missing" in problems(whole, reordered(whole, order))


def test_a_doubled_frame_is_named(whole: Picture) -> None:
    order = sorted([*range(FRAMES), 20])
    assert "frames [20] are there twice" in problems(whole, reordered(whole, order))


def test_swapped_frames_are_named(whole: Picture) -> None:
    order = list(range(FRAMES))
    order[20], order[21] = order[21], order[20]
    assert "frames [20, 21] are in another's place" in problems(whole, reordered(whole, order))


def test_a_frame_in_another_ones_place_is_named_in_a_chunk_that_was_cut_anew_too(whole: Picture) -> None:
    cut = ((0, 15), (16, 23), (24, 31), (32, 47))
    noisy = replace(
        whole, planes=whole.planes ^ np.uint8(1), frames=(*whole.frames[:16], *"x" * 16, *whole.frames[32:])
    )
    assert problems(whole, noisy, *cut) == ""
    order = list(range(FRAMES))
    order[20], order[21] = order[21], order[20]
    assert "frames [20, 21] are in another's place" in problems(whole, reordered(noisy, order), *cut)
    assert "16 frames differ" in problems(whole, noisy)


def test_a_damaged_frame_is_counted(whole: Picture) -> None:
    assert "1 frames differ" in problems(whole, replace(whole, frames=(*whole.frames[:-1], "damaged")))


def test_other_times_and_other_sound_are_seen(whole: Picture) -> None:
    late = replace(whole, times=tuple(time + Fraction(1, 1000) for time in whole.times))
    assert "times differ" in problems(whole, late)
    assert "audio differs" in problems(whole, replace(whole, audio=()))


def test_a_ledger_with_a_hole_or_a_frame_twice_is_seen(whole: Picture) -> None:
    assert "16..31 are missing" in problems(whole, whole, (0, 15), (32, 47))
    assert "15..15 are there twice" in problems(whole, whole, (0, 15), (15, 31), (32, 47))


def test_a_failure_needs_a_reason_and_the_right_one() -> None:
    def state(reason: str | None) -> dict[str, object]:
        return {"customStatus": {"reason": reason}}

    assert checker.check_reason(state("No space left on device"), "No space left") == []
    assert checker.check_reason(state("KeyError: 'x'"), "No space left")
    assert checker.check_reason(state("No space left on device"), None)
    assert checker.check_reason(state(None), ".*")


def test_clips_without_sound_have_no_audio_to_compare(tmp_path: Path) -> None:
    silent = picture.read(make_clip(tmp_path / "clip.mp4", 6, SIZE, sound=False))
    assert silent.audio == ()
