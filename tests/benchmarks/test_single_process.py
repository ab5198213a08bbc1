from pathlib import Path
from typing import get_args

import av
import numpy as np
import pytest

from benchmarks.plain_video import PaintedVideo, decode
from benchmarks.single_process import Precision, paint
from local.before_after import moments, survey

STYLE = "starry-night"


@pytest.mark.parametrize("precision", get_args(Precision))
def test_every_frame_is_painted_in_its_place_and_the_sound_kept(
    small_clip: Path, tmp_path: Path, precision: Precision
) -> None:
    out = tmp_path / "out.mp4"

    frames = paint(small_clip, STYLE, out, precision)

    source, painted = (list(decode(path)) for path in (small_clip, out))
    assert frames == len(source)
    assert _seconds(out) == _seconds(small_clip)
    assert survey(out, []).sound == survey(small_clip, []).sound is not None
    difference = np.abs(source[0][1].astype(int) - painted[0][1])
    assert difference.mean() > 10


def test_both_precisions_paint_the_same_picture(small_clip: Path, tmp_path: Path) -> None:
    for precision in get_args(Precision):
        paint(small_clip, STYLE, tmp_path / f"{precision}.mp4", precision)

    one, other = (survey(tmp_path / f"{precision}.mp4", moments(6)).pictures for precision in get_args(Precision))
    assert max(np.abs(np.asarray(a, int) - np.asarray(b, int)).mean() for a, b in zip(one, other, strict=True)) < 2


def test_a_failure_is_not_hidden_by_a_file_that_could_not_be_ended(small_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), PaintedVideo(tmp_path / "out.mp4", small_clip):
        raise ZeroDivisionError


def _seconds(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time or 0.0 for frame in container.decode(video=0)]
