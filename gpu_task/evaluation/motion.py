"""Flicker: how much a picture changes from frame to frame beyond what the source's motion explains.

The motion is the source's, found by optical flow (DIS, Kroeger et al. 2016), so that every result is held to the same
one. Pixels that come into view or leave are not compared: there, flow forth and back disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from gpu_task.evaluation import EvaluationError

# Flow forth and back may differ by this much of their squared lengths, and this many squared pixels more (Sundaram et
# al. 2010, as Ruder et al. 2016 use it for styled video).
RELATIVE, ABSOLUTE = 0.01, 0.5
# A pair with fewer pixels to compare than this is a cut, not motion.
MIN_COVERAGE = 0.3


class NoMotionFoundError(EvaluationError):
    """No frame of a clip follows from the one before it."""


@dataclass(frozen=True)
class Step:
    """From one frame to the next: for each pixel of the next, where it was, (x, y) [H, W, 2]; and which pixels can be
    compared, [H, W]."""

    origin: NDArray[np.float32]
    comparable: NDArray[np.bool_]

    @property
    def coverage(self) -> float:
        return float(self.comparable.mean())


class Motion:
    """How the frames of a source, RGB [H, W, 3], move: found once, for any number of results.

    Attributes:
        coverage: part of the pixels that are compared, 0 to 1, over the pairs that are.
        cuts: pairs left out because hardly anything of one frame is found in the other.

    Raises:
        NoMotionFoundError: every pair is a cut.
    """

    def __init__(self, source: Sequence[NDArray[np.uint8]]) -> None:
        cv2.setNumThreads(torch.get_num_threads())
        gray = [cast(NDArray[np.uint8], cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) for frame in source]
        steps = [self._step(before, after) for before, after in pairwise(gray)]
        self._steps = [step if step.coverage >= MIN_COVERAGE else None for step in steps]
        kept = [step.coverage for step in self._steps if step]
        self.cuts = len(steps) - len(kept)
        if not kept:
            raise NoMotionFoundError(
                f"none of {len(source)} frames follows from the one before it: less than {MIN_COVERAGE:.0%} of the "
                "pixels are found again; choose a clip without a cut at every frame"
            )
        self.coverage = float(np.mean(kept))

    def flicker(self, frames: Sequence[NDArray[np.uint8]]) -> float:
        """Mean absolute difference of each frame and the one before it moved along with the source, 0 to 255.

        The frame before is resampled with cubic weights and not clipped. Pairs count the same, whatever their coverage.

        Raises:
            ValueError: not as many frames as the source has.
        """
        if len(frames) != len(self._steps) + 1:
            raise ValueError(f"frames: {len(frames)} given, the source has {len(self._steps) + 1}")
        pairs = zip(self._steps, pairwise(frames), strict=True)
        return float(np.mean([self._difference(step, *pair) for step, pair in pairs if step]))

    def _difference(self, step: Step, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
        expected = self._sample(before.astype(np.float32), step.origin, cv2.INTER_CUBIC)
        return float(np.abs(expected - after)[step.comparable].mean())

    def _step(self, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Step:
        flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        forth, back = flow.calc(before, after, None), flow.calc(after, before, None)  # [H, W, 2]
        height, width = before.shape
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        origin = np.stack([columns, rows], axis=-1) + back
        returned = self._sample(forth, origin, cv2.INTER_LINEAR)
        allowed = RELATIVE * ((back**2).sum(-1) + (returned**2).sum(-1)) + ABSOLUTE
        inside = ((origin >= 0) & (origin <= (width - 1, height - 1))).all(-1)
        return Step(origin, inside & (((returned + back) ** 2).sum(-1) < allowed))

    def _sample(
        self, image: NDArray[np.float32], origin: NDArray[np.float32], interpolation: int
    ) -> NDArray[np.float32]:
        x, y = origin[..., 0], origin[..., 1]
        return cast(NDArray[np.float32], cv2.remap(image, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE))
