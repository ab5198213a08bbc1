from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ray_data
from benchmarks.ray_data import Batch, PaintActor, frame_batches, write_all
from benchmarks.single_process import paint
from local.before_after import moments, survey

STYLE = "starry-night"


@pytest.fixture
def batches(small_clip: Path) -> list[Batch]:
    """The clip in batches of four frames, as Ray would gather them."""
    found = list(frame_batches({"video": np.array([str(small_clip)])}))
    return [
        {key: np.concatenate([one[key] for one in found[n : n + 4]]) for key in ("pts", "frame")}
        for n in range(0, len(found), 4)
    ]


def test_the_pipeline_paints_what_the_single_process_paints(
    small_clip: Path, batches: list[Batch], tmp_path: Path
) -> None:
    actor = PaintActor(STYLE, "float32", False)

    frames = write_all((actor(batch) for batch in batches), small_clip, tmp_path / "ray.mp4")
    paint(small_clip, STYLE, tmp_path / "single.mp4", "float32")

    ray, single = (survey(tmp_path / name, moments(6)) for name in ("ray.mp4", "single.mp4"))
    assert frames == ray.frame_count == single.frame_count == 6
    assert ray.sound == single.sound
    assert max(np.abs(np.asarray(a, int) - np.asarray(b, int)).max()
               for a, b in zip(ray.pictures, single.pictures, strict=True)) <= 2  # fmt: skip


def test_frames_out_of_order_are_refused(small_clip: Path, batches: list[Batch], tmp_path: Path) -> None:
    def shuffled() -> Iterator[Batch]:
        yield from reversed(batches)

    with pytest.raises(ValueError, match="came after the one at"):
        write_all(shuffled(), small_clip, tmp_path / "out.mp4")


def test_ray_is_needed_only_to_run_it() -> None:
    assert "ray" not in vars(ray_data)
