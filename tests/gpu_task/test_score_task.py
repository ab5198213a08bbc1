from pathlib import Path

import numpy as np
import pytest

from contracts.task_spec import ModelRef, ScoreSpec
from gpu_task.score_task import prepare_scorer, write_segment
from gpu_task.scorers.protocol import Scorer
from gpu_task.timings import Timings
from tests.gpu_task.conftest import SpecMaker

pytestmark = pytest.mark.timeout(120)


class Recorder:
    """A scorer that keeps what another one made."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer, self.frames = scorer, []
        self.batch_size, self.device = scorer.batch_size, scorer.device

    def prepare(self, width: int, height: int) -> None:
        self.scorer.prepare(width, height)

    def peak_memory_bytes(self) -> int:
        return self.scorer.peak_memory_bytes()

    def score(self, batch: np.ndarray) -> np.ndarray:
        scored = self.scorer.score(batch)
        self.frames.extend(scored)  # each [H, W, 3]
        return scored


def scored_frames(spec: ScoreSpec, folder: Path) -> list[np.ndarray]:
    recorder = Recorder(prepare_scorer(spec))
    write_segment(spec, folder / "segment.mp4", Timings(0), recorder)
    return recorder.frames


def test_frames_are_the_same_however_the_video_is_cut(specs: SpecMaker, tmp_path: Path) -> None:
    model = ModelRef(name="starry-night", sha256=None, builtin=True)

    def score(first: int, last: int, warm_up: int = 0) -> list[np.ndarray]:
        spec = specs.score(
            f"cut-{first}-{last}", first=first, last=last, warm_up=warm_up, scorer="style-transfer", model=model
        )
        return scored_frames(spec, tmp_path)

    whole = score(0, 11)
    cut = [*score(0, 4), *score(5, 6), *score(7, 11, warm_up=2)[2:]]

    assert len(whole) == len(cut) == 12
    for one, other in zip(whole, cut, strict=True):
        assert np.array_equal(one, other)


def test_max_dimension_gives_a_smaller_frame_of_the_same_shape(specs: SpecMaker, tmp_path: Path) -> None:
    spec = specs.score("small", first=0, last=1, options={"max_dimension": 48})

    frames = scored_frames(spec, tmp_path)

    assert [frame.shape for frame in frames] == [(32, 48, 3)] * 2
