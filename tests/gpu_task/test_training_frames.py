from pathlib import Path

import pytest

from gpu_task.training_frames import longer_side, sample_frames, spread
from media.errors import FramesMissing
from media.index import probe
from tests.gpu_task.damaged import number_in
from tests.media.clips import X264, encode
from tests.media.damage import GROSS, break_packet

pytestmark = pytest.mark.timeout(60)


def test_frames_that_do_not_decode_are_left_out_of_the_fit(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", options=X264)
    index = probe(whole)
    broken = break_packet(whole, index.keyframes[1].pts, GROSS["zeroed"], tmp_path / "broken.mp4")

    found = [number_in(frame) for frame in sample_frames(broken, index)]

    assert found == [number for number in spread(index) if not 12 <= number < 24]


def test_where_none_decodes_the_fit_fails(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", options=X264)
    index = probe(whole)
    broken = break_packet(whole, index.keyframes[1].pts, GROSS["zeroed"], tmp_path / "broken.mp4")

    with pytest.raises(FramesMissing):
        sample_frames(broken, index.window(13, 22))


def test_frames_of_a_larger_class_are_seen_larger(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", options=X264)
    index = probe(whole)

    assert [longer_side(size) for size in (480, 1080, 2160)] == [640, 1440, 1920]
    small = sample_frames(whole, index, 48)
    assert {max(frame.shape[:2]) for frame in small} == {48}
