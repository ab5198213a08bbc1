"""The clip that benchmarks score: the demo's film over and over, with its music, for as long as one wants."""

import tempfile
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import av
import numpy as np

from benchmarks.plain_video import decode
from local.sample_clip import SAMPLE_RATE, make_sample_clip, music

AUDIO_FRAME = 1024  # samples: AAC's own frame


def make_clip(path: Path, seconds: float, rate: int, film: Path | None = None) -> int:
    """Write an MP4 of `film` (default: the demo's, 640x360) over and over, a frame of it for each frame of the clip.

    H.264 at `rate` frames a second with a keyframe each second, and stereo AAC. Returns the number of frames.
    """
    frames = round(seconds * rate)
    with tempfile.TemporaryDirectory() as folder:
        if film is None:
            film = Path(folder) / "film.mp4"
            make_sample_clip(film)
        pictures = [rgb for _, rgb in islice(decode(film), frames)]
    height, width, _ = pictures[0].shape
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "medium"})
        video.width, video.height, video.pix_fmt, video.gop_size = width, height, "yuv420p", rate
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", bit_rate=160_000)
        for number, rgb in enumerate(islice(cycle(pictures), frames)):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for frame in _sound(round(seconds * SAMPLE_RATE)):
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return frames


def _sound(count: int) -> list[av.AudioFrame]:
    """`count` samples of the film's music, over and over."""
    once = music()
    samples = np.tile(once, -(-count // once.shape[1]))[:, :count]
    frames: list[av.AudioFrame] = []
    for begin in range(0, count, AUDIO_FRAME):
        part = np.ascontiguousarray(samples[:, begin : begin + AUDIO_FRAME])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, begin, Fraction(1, SAMPLE_RATE)
        frames.append(frame)
    return frames
