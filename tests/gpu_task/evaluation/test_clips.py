from pathlib import Path

import numpy as np
import pytest

from gpu_task.evaluation.clips import TooFewFramesError, find_clip
from media.errors import MediaError


def test_frames_are_taken_from_the_middle(moving: Path) -> None:
    clip = find_clip(moving, 3, 640)

    assert (clip.first, clip.last, clip.size) == (3, 5, (96, 64))
    assert [frame.shape for frame in clip.frames] == [(64, 96, 3)] * 3
    assert np.array_equal(clip.frames[1:], clip.read(4, 5))


def test_a_short_clip_is_taken_whole_and_a_large_one_made_smaller(moving: Path) -> None:
    clip = find_clip(moving, 24, 48)

    assert (clip.first, clip.last, clip.size) == (0, 8, (48, 32))


def test_what_has_one_frame_or_is_no_video_is_refused(moving: Path, tmp_path: Path) -> None:
    with pytest.raises(TooFewFramesError, match=r"moving\.mp4: 1 frame"):
        find_clip(moving, 1, 640)
    (tmp_path / "words.mp4").write_text("no video")
    with pytest.raises(MediaError):
        find_clip(tmp_path / "words.mp4", 8, 640)
