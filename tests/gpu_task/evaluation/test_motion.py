import math

import numpy as np
import pytest
from numpy.typing import NDArray

from gpu_task.evaluation.motion import Motion, NoMotionFoundError

WIDTH, HEIGHT = 160, 96


def texture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Blobs of several sizes, in colour: [H, W, 3]."""
    import cv2

    random = np.random.default_rng(seed)
    fields = [cv2.GaussianBlur(random.normal(size=(height, width, 3)), (0, 0), s) * s for s in (2.0, 4.0, 8.0)]
    return (128 + 110 * np.tanh(sum(fields))).astype(np.uint8)


def pan(frames: int, dx: int, dy: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    """A window that moves over a picture by whole pixels."""
    picture = texture(HEIGHT + frames * abs(dy), WIDTH + frames * abs(dx), seed)
    return [picture[n * dy : n * dy + HEIGHT, n * dx : n * dx + WIDTH].copy() for n in range(frames)]


def noisy(frames: list[NDArray[np.uint8]], sigma: float) -> list[NDArray[np.uint8]]:
    random = np.random.default_rng(1)
    return [np.clip(np.rint(f + random.normal(0, sigma, f.shape)), 0, 255).astype(np.uint8) for f in frames]


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (3, 0), (5, 2)])
def test_a_picture_that_moves_along_with_the_source_does_not_flicker(dx: int, dy: int) -> None:
    source, result = pan(5, dx, dy), pan(5, dx, dy, seed=2)

    motion = Motion(source)

    assert motion.coverage > 0.85
    assert motion.flicker(source) < 0.5
    assert motion.flicker(result) < 0.8
    if (dx, dy) != (0, 0):
        standing = [result[0]] * 5  # what does not move along is flicker
        assert motion.flicker(standing) > 5


@pytest.mark.parametrize("sigma", [2, 6])
@pytest.mark.parametrize("dx", [0, 3])
def test_added_noise_is_measured_by_its_size(sigma: int, dx: int) -> None:
    """Two frames with noise of their own differ by noise of sqrt(2) sigma, whose mean size is sqrt(2 / pi) of that."""
    source = pan(4, dx, 0)

    found = Motion(source).flicker(noisy(source, sigma))

    assert found == pytest.approx(2 * sigma / math.sqrt(math.pi), rel=0.06)


def test_what_comes_into_view_is_not_compared() -> None:
    motion = Motion(pan(3, 16, 0))

    assert 0.7 < motion.coverage < 1 - 16 / WIDTH + 0.01


def test_a_cut_is_left_out() -> None:
    before, after = pan(3, 2, 0), pan(3, 2, 0, seed=5)
    motion = Motion(before + after)

    assert motion.cuts == 1
    assert motion.flicker(before + after) < 0.5


def test_frames_that_have_nothing_in_common_are_refused() -> None:
    with pytest.raises(NoMotionFoundError, match="none of 3 frames follows"):
        Motion([texture(HEIGHT, WIDTH, seed) for seed in range(3)])


def test_as_many_frames_as_the_source_has_are_needed() -> None:
    with pytest.raises(ValueError, match="2 given, the source has 3"):
        Motion(pan(3, 1, 0)).flicker(pan(2, 1, 0))
