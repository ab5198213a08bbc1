from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from local.sample_clip import FRAMES, SHOTS, make_sample_clip, music, picture


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    make_sample_clip(path)
    return path


@pytest.fixture(scope="module")
def frames(clip: Path) -> list[NDArray[np.uint8]]:
    with av.open(clip) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def test_it_is_six_seconds_of_h264_and_stereo_aac(clip: Path, frames: list[NDArray[np.uint8]]) -> None:
    with av.open(clip) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height, video.average_rate) == ("h264", 640, 360, 30)
        assert (audio.codec_context.name, audio.sample_rate, audio.channels) == ("aac", 48_000, 2)
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert len(frames) == FRAMES == 180
    # AAC pads to whole frames of 1,024 samples and primes with one or two of them.
    assert 6 * 48_000 <= samples <= 6 * 48_000 + 3 * 1024


def test_the_camera_never_stands_still_and_every_frame_shows_something(frames: list[NDArray[np.uint8]]) -> None:
    # The ends of an eased move are slow: frames 4 apart.
    moves = [np.abs(a.astype(int) - b).mean() for a, b in zip(frames, frames[4:], strict=False)]
    assert min(moves) > 0.1
    assert min(frame.std() for frame in frames) > 10


def test_it_has_a_hard_cut_and_dissolves(frames: list[NDArray[np.uint8]]) -> None:
    change = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(frames)]
    cut = SHOTS[2].first - 1
    assert int(np.argmax(change)) == cut
    assert change[cut] > 4 * sorted(change)[-2]


def test_the_shots_cover_every_frame() -> None:
    assert {n for shot in SHOTS for n in range(shot.first, shot.last + 1)} == set(range(FRAMES))


def test_a_frame_outside_the_clip_is_an_error() -> None:
    with pytest.raises(IndexError):
        picture(FRAMES, {})


def test_the_music_is_audible_throughout_stereo_and_never_clips() -> None:
    samples = music()
    assert samples.shape == (2, 6 * 48_000)
    assert np.abs(samples).max() <= 0.71
    loudness = np.sqrt((samples.reshape(2, 12, -1) ** 2).mean(axis=(0, 2)))
    assert loudness.min() > 0.05
    assert np.abs(samples[0] - samples[1]).mean() > 0.005
