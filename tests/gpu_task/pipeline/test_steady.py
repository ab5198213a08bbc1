"""The stage that steadies: in order, with what is held and passed through in its place."""

from collections.abc import Iterator

import numpy as np
import pytest

from gpu_task.chunk_frames import ChunkFrame
from gpu_task.pipeline.chunk import frames_under_way, run_chunk
from gpu_task.pipeline.scoring import Shown
from gpu_task.steadying import Steadying
from tests.gpu_task.pipeline.parts import Scorer, Source, stage_threads

pytestmark = pytest.mark.timeout(60)

RANDOM = np.random.default_rng(0)
STILL = RANDOM.integers(0, 255, (8, 12, 3), np.uint8).repeat(6, axis=0).repeat(6, axis=1)


class Shimmering(Scorer):
    """Something else each time, the same for each frame: its number is in a corner."""

    def score(self, batch: np.ndarray) -> np.ndarray:
        painted = [np.random.default_rng(int(frame[0, 0, 0])).integers(80, 120, frame.shape) for frame in batch]
        return np.stack(painted).astype(np.uint8)


class Album:
    seconds = 0.0

    def __init__(self) -> None:
        self.frames: dict[int, Shown] = {}

    def run(self, frames: Iterator[Shown]) -> None:
        for frame in frames:
            self.frames[frame.number] = frame


def still(number: int) -> np.ndarray:
    frame = STILL.copy()
    frame[0, 0] = number
    return frame


def shown(numbers: range, others: dict[int, ChunkFrame] | None = None, batch: int = 1, threads: int = 1) -> Album:
    frames = [(others or {}).get(n) or ChunkFrame(n, "scored", still(n)) for n in numbers]
    album = Album()
    run_chunk(Source(frames), Shimmering(batch), album, Steadying(1.0, threads=threads))
    assert list(album.frames) == list(numbers)
    assert stage_threads() == []
    return album


@pytest.mark.parametrize(("batch", "threads"), [(1, 1), (4, 3)])
def test_frames_come_in_order_and_steadier(batch: int, threads: int) -> None:
    album = shown(range(9), batch=batch, threads=threads)
    assert album.frames[0].rgb.std() > 1.5 * album.frames[8].rgb.std()
    assert album.frames[8].source is None


def test_chunks_that_warm_up_are_the_whole_cut_in_pieces() -> None:
    whole = shown(range(12))
    for first in (4, 7, 11):
        part = shown(range(first - 3, 12), threads=2)
        for number in range(first, 12):
            assert np.array_equal(part.frames[number].rgb, whole.frames[number].rgb), (first, number)


def test_a_held_frame_repeats_what_became_of_the_one_before() -> None:
    album = shown(range(8), {5: ChunkFrame(5, "held", None), 6: ChunkFrame(6, "held", None)})
    assert album.frames[5].fate == "held"
    assert np.array_equal(album.frames[5].rgb, album.frames[4].rgb)
    assert np.array_equal(album.frames[6].rgb, album.frames[4].rgb)


def test_a_frame_passed_through_is_the_sources() -> None:
    album = shown(range(8), {5: ChunkFrame(5, "source", still(5))})
    assert np.array_equal(album.frames[5].rgb, still(5))


def test_what_stands_in_at_the_start_is_held_as_it_was_scored() -> None:
    stand_in = ChunkFrame(3, "scored", still(3))
    album = shown(range(4, 7), {4: ChunkFrame(4, "held", None, stand_in=stand_in)})
    assert np.array_equal(album.frames[4].rgb, Shimmering().score(still(3)[None])[0])


def test_an_error_while_steadying_ends_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("no flow")

    monkeypatch.setattr(Steadying, "_flow", broken)
    with pytest.raises(ArithmeticError, match="no flow"):
        shown(range(40))
    assert stage_threads() == []


def test_more_frames_are_under_way_where_they_are_steadied() -> None:
    assert frames_under_way(4, 1, steadying_threads=2) > frames_under_way(4, 1)
