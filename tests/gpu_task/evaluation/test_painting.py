from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gpu_task.evaluation.clips import Clip, find_clip
from gpu_task.evaluation.painting import paint, seam_cuts, seam_difference


class Brighter:
    """Adds 20 to every frame; `batch_size` at a time."""

    device = "none"

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size

    def prepare(self, width: int, height: int) -> None: ...

    def peak_memory_bytes(self) -> int:
        return 0

    def score(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.minimum(batch.astype(int) + 20, 255).astype(np.uint8)


class TellsItsPlace(Brighter):
    """A frame comes out brighter by its place in the batch: what a scorer must not do."""

    def score(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        place = np.arange(len(batch)).reshape(-1, 1, 1, 1)
        return np.clip(super().score(batch).astype(int) - place, 0, 255).astype(np.uint8)


class Remembers(Brighter):
    """Mixes in the first frame that it ever saw of a run: it depends on where chunks begin."""

    def __init__(self) -> None:
        super().__init__(1)
        self.calls = 0

    def score(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self.calls += 1
        return np.minimum(super().score(batch).astype(int) + (self.calls > 9) * 3, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def clip(moving: Path) -> Clip:
    return find_clip(moving, 9, 640)


@pytest.mark.parametrize("cuts", [(), (4,), (2, 7)])
def test_every_frame_is_painted_once_and_in_order(clip: Clip, cuts: tuple[int, ...]) -> None:
    painting = paint(Brighter(2), clip, cuts)

    expected = [np.minimum(frame.astype(int) + 20, 255) for frame in clip.frames]
    assert np.array_equal(painting.frames, expected)
    assert painting.ms_per_frame > 0


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4])
def test_a_scorer_of_single_frames_has_no_seams(clip: Clip, batch_size: int) -> None:
    scorer = Brighter(batch_size)

    assert seam_difference(scorer, clip, paint(scorer, clip)) == 0


@pytest.mark.parametrize("batch_size", [2, 3, 4])
def test_a_scorer_that_depends_on_its_batch_is_noticed(clip: Clip, batch_size: int) -> None:
    scorer = TellsItsPlace(batch_size)

    assert 0 < seam_difference(scorer, clip, paint(scorer, clip)) < batch_size


def test_a_scorer_with_a_memory_is_noticed(clip: Clip) -> None:
    scorer = Remembers()

    assert seam_difference(scorer, clip, paint(scorer, clip)) == 3


@pytest.mark.parametrize("count", [2, 3, 9, 12, 24])
@pytest.mark.parametrize("batch_size", [1, 2, 4, 32])
def test_chunks_begin_within_the_clip_and_not_with_a_batch(count: int, batch_size: int) -> None:
    cuts = seam_cuts(count, batch_size)

    assert cuts == sorted(set(cuts))
    assert all(0 < cut < count for cut in cuts)
    assert len(cuts) >= 1
    assert batch_size == 1 or all(cut % batch_size for cut in cuts)
