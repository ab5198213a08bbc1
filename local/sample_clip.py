"""A six-second clip for the demo: a camera that moves over four photographs, with soft music.

The photographs come inside scikit-image's wheel (all free of rights), so nothing is downloaded. The same machine makes
the same bytes each time.
"""

from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT, RATE = 640, 360, 30
FRAMES = 6 * RATE
SAMPLE_RATE = 48_000
# A keyframe each second: decoders can start near any chunk's first frame.
KEYFRAME_INTERVAL = RATE

# Hertz, equal temperament from A4 = 440.
NOTES = {"F2": 87.31, "G2": 98.0, "A2": 110.0, "C3": 130.81, "D3": 146.83, "E3": 164.81, "F3": 174.61, "G3": 196.0}
NOTES |= {"A3": 220.0, "B3": 246.94, "C4": 261.63, "D4": 293.66, "E4": 329.63, "G4": 392.0, "A4": 440.0}
# One chord for each shot, bass first: Fmaj7, Am7, G6, Cmaj7.
CHORDS = (
    ("F2", "A3", "C4", "E4"),
    ("A2", "G3", "C4", "E4"),
    ("G2", "G3", "B3", "E4"),
    ("C3", "G3", "B3", "E4"),
)
ARPEGGIO = ("E4", "A4", "G4", "E4", "D4", "G4", "E4", "C4", "D4", "E4", "G4", "D4")


@dataclass(frozen=True)
class View:
    """Where the camera looks in a photograph: centre and width in its pixels; the height follows from 16:9."""

    x: float
    y: float
    width: float

    def towards(self, other: "View", t: float) -> "View":
        """Eased travel, `t` in 0..1. Widths go in equal ratios, which the eye takes for an even zoom."""
        t = t * t * (3 - 2 * t)
        width = self.width * (other.width / self.width) ** t
        return View(self.x + (other.x - self.x) * t, self.y + (other.y - self.y) * t, width)


@dataclass(frozen=True)
class Shot:
    """Frames `first`..`last` (inclusive) of one photograph. Shots that overlap are dissolved into each other."""

    photograph: str
    first: int
    last: int
    begin: View
    end: View


SHOTS = (
    Shot("chelsea.png", 0, 52, View(262, 116, 230), View(228, 150, 440)),
    Shot("coffee.png", 41, 97, View(400, 245, 330), View(290, 185, 560)),
    Shot("astronaut.png", 98, 143, View(225, 110, 300), View(256, 165, 490)),
    Shot("rocket.jpg", 132, 179, View(320, 230, 630), View(322, 222, 350)),
)


def make_sample_clip(path: Path) -> None:
    """Write the clip to `path` (.mp4): 640x360, 30 fps, 180 frames, H.264, and stereo AAC at 48 kHz."""
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "medium"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.gop_size = KEYFRAME_INTERVAL
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", bit_rate=160_000)
        photographs = {shot.photograph: _load(shot.photograph) for shot in SHOTS}
        for number in range(FRAMES):
            frame = av.VideoFrame.from_image(picture(number, photographs))
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for frame in _audio_frames(music()):
            container.mux(audio.encode(frame))
        container.mux(audio.encode())


def picture(number: int, photographs: dict[str, Image.Image]) -> Image.Image:
    """Frame `number` of the clip."""
    showing = [shot for shot in SHOTS if shot.first <= number <= shot.last]
    image = _through_camera(showing[0], number, photographs)
    for before, after in pairwise(showing):
        overlap = before.last - after.first + 2
        share = (number - after.first + 1) / overlap
        image = Image.blend(image, _through_camera(after, number, photographs), share)
    return image


def music() -> NDArray[np.float32]:
    """Samples in -1..1, shape (2, 6 s * 48,000): one warm chord for each shot and a sparse plucked line over them."""
    seconds = FRAMES / RATE
    mix = np.zeros((2, int(seconds * SAMPLE_RATE)))
    each = seconds / len(CHORDS)
    for number, chord in enumerate(CHORDS):
        for voice, note in enumerate(chord):
            pan = 0.5 + 0.35 * (-1) ** voice * (voice > 0)
            _add(mix, number * each, _pad(NOTES[note], each + 0.9), pan, 0.22 if voice == 0 else 0.13)
    step = seconds / len(ARPEGGIO)
    for number, note in enumerate(ARPEGGIO):
        _add(mix, number * step + 0.04, _pluck(NOTES[note] * 2, 1.2), 0.5 + 0.3 * np.sin(number), 0.07)
    mix = _room(mix)
    mix *= np.clip(np.arange(mix.shape[1])[::-1] / (0.6 * SAMPLE_RATE), 0, 1)
    return (0.7 * mix / np.abs(mix).max()).astype(np.float32)


def _pad(frequency: float, seconds: float) -> NDArray[np.float64]:
    """A string-like tone: seven soft partials, twice, a hair out of tune, swelling and fading."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = np.zeros_like(t)
    for detune in (0.9985, 1.0015):
        for partial in range(1, 8):
            tone += np.sin(2 * np.pi * frequency * detune * partial * t + partial) / partial**2.1
    return tone / 2 * np.clip(t / 0.25, 0, 1) ** 1.5 * np.clip((seconds - t) / 0.9, 0, 1) ** 1.5


def _pluck(frequency: float, seconds: float) -> NDArray[np.float64]:
    """A bell-like tone whose upper partials die first."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    partials = ((1, 1.0, 4.0), (2, 0.35, 7.0), (3, 0.12, 11.0))
    tone = sum(level * np.sin(2 * np.pi * frequency * n * t) * np.exp(-decay * t) for n, level, decay in partials)
    return np.asarray(tone) * np.clip(t / 0.006, 0, 1) * np.clip((seconds - t) / 0.1, 0, 1)


def _add(mix: NDArray[np.float64], second: float, tone: NDArray[np.float64], pan: float, level: float) -> None:
    begin = int(second * SAMPLE_RATE)
    tone = level * tone[: mix.shape[1] - begin]
    mix[0, begin : begin + tone.size] += tone * np.cos(pan * np.pi / 2)
    mix[1, begin : begin + tone.size] += tone * np.sin(pan * np.pi / 2)


def _room(mix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A few early reflections that cross sides: enough that it does not sound dry."""
    wet = mix.copy()
    for milliseconds, level in ((31, 0.28), (53, 0.22), (97, 0.17), (149, 0.12), (211, 0.08)):
        delay = milliseconds * SAMPLE_RATE // 1000
        wet[:, delay:] += level * mix[::-1, :-delay]
    return wet


def _load(name: str) -> Image.Image:
    with (files("skimage.data") / name).open("rb") as file:
        return Image.open(file).convert("RGB")


def _through_camera(shot: Shot, number: int, photographs: dict[str, Image.Image]) -> Image.Image:
    view = shot.begin.towards(shot.end, (number - shot.first) / (shot.last - shot.first))
    half_width, half_height = view.width / 2, view.width * HEIGHT / WIDTH / 2
    box = (view.x - half_width, view.y - half_height, view.x + half_width, view.y + half_height)
    # resize takes fractions of a pixel, so that slow motion glides.
    return photographs[shot.photograph].resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS, box=box)


def _audio_frames(samples: NDArray[np.float32]) -> list[av.AudioFrame]:
    # 1,024 samples: AAC's own frame.
    frames: list[av.AudioFrame] = []
    for begin in range(0, samples.shape[1], 1024):
        part = np.ascontiguousarray(samples[:, begin : begin + 1024])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, begin, Fraction(1, SAMPLE_RATE)
        frames.append(frame)
    return frames
