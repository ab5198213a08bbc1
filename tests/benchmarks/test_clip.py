from pathlib import Path

import av
import numpy as np

from benchmarks.clip import make_clip
from benchmarks.plain_video import decode


def test_a_clip_longer_than_the_film_goes_on_with_it_and_has_sound_all_along(small_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"

    frames = make_clip(path, seconds=7.5, rate=2, film=small_clip)

    with av.open(str(path)) as clip:
        video, audio = clip.streams.video[0], clip.streams.audio[0]
        assert (video.width, video.height, video.average_rate, frames) == (64, 48, 2, 15)
        assert audio.duration is not None
        assert audio.time_base is not None
        assert abs(float(audio.duration * audio.time_base) - 7.5) < 0.1
    film, shown = ([rgb.astype(int) for _, rgb in decode(of)] for of in (small_clip, path))
    nearest = [min(range(len(film)), key=lambda n: float(np.abs(film[n] - rgb).mean())) for rgb in shown]
    assert nearest == [number % 6 for number in range(15)]
