"""What a task of a steadied job scores besides its own frames."""

import pytest

from activities.submit_chunk import is_judged_alone, warm_up_of
from contracts.frame_runs import FrameRun
from contracts.steps import TaskRef
from contracts.task_spec import Replacement


def hold(*frames: FrameRun, avoid: tuple[FrameRun, ...] = ()) -> Replacement:
    return Replacement(frames=frames, by="hold", avoid=avoid)


@pytest.mark.parametrize(("first", "expected"), [(0, 0), (2, 2), (3, 3), (50, 3)])
def test_as_many_frames_as_pixels_depend_on_and_as_there_are(first: int, expected: int) -> None:
    assert warm_up_of(3, first, None) == expected


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        (hold((52, 53)), 3),  # in the middle: what is held has been steadied by then
        (hold((50, 53)), 4),  # frame 49 is held: it takes 46..48 to look as it does in its own place
        (hold((50, 53), avoid=((48, 49),)), 6),
        (hold((50, 53), avoid=((0, 49),)), 0),
    ],
)
def test_what_is_held_at_the_start_looks_as_it_did_in_its_own_place(replacement: Replacement, expected: int) -> None:
    assert warm_up_of(3, 50, replacement) == expected


def test_a_single_frame_is_tried_without_those_before_it_before_it_is_called_bad() -> None:
    def task(attempt: int) -> TaskRef:
        return TaskRef(job="clip-1", run=1, instance_id="i", task="t", chunk=0, attempt=attempt, piece=(7, 7))

    assert not is_judged_alone(task(1), (7, 7), 3)
    assert is_judged_alone(task(3), (7, 7), 3)
    assert not is_judged_alone(task(3), (7, 8), 3)
    assert not is_judged_alone(task(3).model_copy(update={"replacement": hold((7, 7))}), (7, 7), 3)
