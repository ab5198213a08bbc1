"""What a viewer gets of a finished video, frame by frame, and how two of them differ."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from media.verify import AudioDigest, audio_digests


@dataclass(frozen=True)
class Picture:
    """`frames` are hashes of decoded planes, in the order they are shown, `times` theirs in seconds."""

    frames: tuple[str, ...]
    times: tuple[Fraction, ...]
    audio: tuple[AudioDigest, ...]


def read(path: Path) -> Picture:
    """Decodes all of it."""
    frames: list[str] = []
    times: list[Fraction] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            frames.append(hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest())
            times.append(frame.pts * frame.time_base)
    return Picture(tuple(frames), tuple(times), tuple(audio_digests(path)))


def differences(expected: Picture, found: Picture) -> list[str]:
    """What is wrong with `found`, in words; empty where every frame is there once, in its place, at its time.

    Frames of `expected` must differ from each other: only then a missing, doubled or swapped one can be named.
    """
    problems: list[str] = []
    numbers = {frame: number for number, frame in enumerate(expected.frames)}
    counts = Counter(numbers.get(frame) for frame in found.frames)
    if missing := [number for number in range(len(expected.frames)) if number not in counts]:
        problems.append(f"frames {missing} are missing")
    if doubled := sorted(number for number, count in counts.items() if number is not None and count > 1):
        problems.append(f"frames {doubled} are there twice")
    if strange := counts.get(None):
        problems.append(f"{strange} frames differ from the undisturbed run's")
    if not problems and found.frames != expected.frames:
        swapped = [i for i, (a, b) in enumerate(zip(expected.frames, found.frames, strict=True)) if a != b]
        problems.append(f"frames {swapped} are in another's place")
    if found.times != expected.times:
        problems.append("frame times differ from the undisturbed run's")
    if found.audio != expected.audio:
        problems.append("audio differs from the undisturbed run's")
    return problems
