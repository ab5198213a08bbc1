"""What a viewer gets of a finished video, frame by frame, and how two of them differ."""

import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from media.verify import AudioDigest, audio_digests

# Mean difference of a sample, of 255. The same frame encoded twice (crf 17) is far below it.
_CLOSE = 4.0


@dataclass(frozen=True)
class Picture:
    """`frames` are hashes of decoded planes, in the order they are shown, `times` theirs in seconds, `planes` the
    planes themselves, [N, 3/2 H, W]."""

    frames: tuple[str, ...]
    times: tuple[Fraction, ...]
    audio: tuple[AudioDigest, ...]
    planes: NDArray[np.uint8] = field(repr=False, compare=False)


def read(path: Path) -> Picture:
    """Decodes all of it."""
    planes: list[NDArray[np.uint8]] = []
    times: list[Fraction] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            planes.append(frame.to_ndarray().astype(np.uint8, copy=False))
            times.append(frame.pts * frame.time_base)
    hashes = tuple(hashlib.sha256(plane.tobytes()).hexdigest() for plane in planes)
    return Picture(hashes, tuple(times), tuple(audio_digests(path)), np.stack(planes))


def differences(expected: Picture, found: Picture, encoded_anew: Collection[int] = ()) -> list[str]:
    """What is wrong with `found`, in words; empty where every frame is there once, in its place, at its time.

    Frames of `expected` must differ from each other: only then a missing, doubled or swapped one can be named. Those
    of `encoded_anew` were cut into other chunks than the undisturbed run's, so the encoder chose other bits: they are
    told by what they look like.
    """
    problems: list[str] = []
    numbers = {frame: number for number, frame in enumerate(expected.frames)}
    shown = [
        _looks_like(expected, found.planes[position]) if position in encoded_anew else numbers.get(frame)
        for position, frame in enumerate(found.frames)
    ]
    counts = Counter(shown)
    if missing := [number for number in range(len(expected.frames)) if number not in counts]:
        problems.append(f"frames {missing} are missing")
    if doubled := sorted(number for number, count in counts.items() if number is not None and count > 1):
        problems.append(f"frames {doubled} are there twice")
    if strange := counts.get(None):
        problems.append(f"{strange} frames differ from the undisturbed run's")
    if not problems and shown != sorted(numbers.values()):
        swapped = [position for position, number in enumerate(shown) if position != number]
        problems.append(f"frames {swapped} are in another's place")
    if found.times != expected.times:
        problems.append("frame times differ from the undisturbed run's")
    if found.audio != expected.audio:
        problems.append("audio differs from the undisturbed run's")
    return problems


def _looks_like(expected: Picture, plane: NDArray[np.uint8]) -> int | None:
    """The number of the frame that this one is; None where it is none of them."""
    if plane.shape != expected.planes.shape[1:]:
        return None
    distances = np.abs(expected.planes.astype(np.int16) - plane).mean(axis=(1, 2))
    nearest = int(distances.argmin())
    return nearest if distances[nearest] < _CLOSE else None
