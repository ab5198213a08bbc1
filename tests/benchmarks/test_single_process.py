from pathlib import Path
from typing import get_args

import av
import numpy as np
import pytest

from benchmarks.plain_video import PaintedVideo, decode
from benchmarks.single_process import Precision, make_painter, paint
from local.before_after import survey

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


def test_both_precisions_paint_the_same_picture(small_clip: Path) -> None:
    frames = [rgb for _, rgb in decode(small_clip)]
    painters = [make_painter(STYLE, frames[0].shape, precision)[0] for precision in get_args(Precision)]

    for rgb in frames:
        one, other = (painter(rgb[None]).astype(int) for painter in painters)
        assert abs(one - other).mean() < 1.5


def test_a_failure_is_not_hidden_by_a_file_that_could_not_be_ended(small_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), PaintedVideo(tmp_path / "out.mp4", small_clip):
        raise ZeroDivisionError


def _seconds(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time or 0.0 for frame in container.decode(video=0)]
