"""Painted frames made steady: each is averaged with the ones before it, moved along with the source.

What a network paints depends on each frame's grain and on where its strokes happen to fall, so a picture that hardly
moves shimmers. The source tells what belongs together: its optical flow (DIS, Kroeger et al. 2016) says where each
pixel was a frame ago, and where the source itself looks different there (ground that came into view, a cut, a wrong
flow) the frame stays as it was painted. It is motion-compensated temporal filtering, as encoders do it to what they are
about to predict from (x264's and VTM's temporal filters).

Two steps make a mean of four frames at the price of two: once(t) of painted(t) and painted(t - 1), then twice(t) of
once(t) and once(t - 2). A frame depends on `FRAMES_BEFORE` painted frames before it and on nothing else, never on what
was made of them, so any way to cut a video into chunks gives the same pixels as long as those are scored too. Frames
are told apart by their numbers: across one that was not scored nothing is averaged.
"""

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Self, cast

import cv2
import numpy as np
from numpy.typing import NDArray

type Image = NDArray[np.uint8]
type Floats = NDArray[np.float32]
# The painted frame alone, or the painted one and its source, [H, W, 3] each.
type Pictures = tuple[Image, ...]

# Flow is found at half the size: at a quarter a sixth of the sharpness goes, at the whole it costs four times as much.
SHRINK = 2
# Shorter side, of the small frames: DIS needs 12, and there is no shimmer to see on a thumbnail.
SMALLEST = 16
# The fast preset ends at a quarter of what it is given; at half of it another eighth of the flicker goes, and another
# twentieth with one round of variational refinement.
FINEST_SCALE, REFINEMENTS = 1, 1
# Mean difference of luma around a pixel, of 255, at which the frame before counts exp(-1/2); and how wide "around" is.
# Twice the difference takes no more of the flicker.
TOLERANCE, AROUND = 8.0, 5
# A mean of four is softer than each, so this much of what a blur (its sigma, pixels) would take is added where frames
# were averaged. Starry Night: style loss 0.074 as painted, 0.100 averaged, 0.071 sharpened; flicker 3.2, 2.1, 2.65.
SHARPENING, SHARPENING_SIGMA = 0.33, 2.0
# One thread keeps up with a network on a processor. Beside a GPU there are cores to spare, and they set the pace.
MAX_THREADS, CORES_PER_THREAD = 8, 2


@dataclass(frozen=True)
class _Link:
    """To an earlier frame, at the small size: how far each pixel is from where it was, (x, y) [h, w, 2], and how much
    that place counts against the pixel's own 1, [h, w]."""

    flow: Floats
    weight: Floats


@dataclass(frozen=True)
class _Past:
    """What later frames need of one. `link` leads to the frame before, None if there is none."""

    gray: Image
    painted: Pictures
    link: "Future[_Link] | None"
    once: "Future[Pictures]"


class Steadying:
    """Steadies the frames of one video, given in order. `steadiness` is what earlier frames count, 0 to 1.

    `mix` is what `strength` and `keep_color` come to (see `gpu_task.painting.mix_of`); None: painted in full. What is
    left of the source is then the frame's own, not averaged: a strength of 0 gives the source to the bit.
    """

    def __init__(self, steadiness: float, mix: Floats | None = None, threads: int = 1) -> None:
        # Each number of OpenCV's own threads finds a slightly different flow.
        cv2.setNumThreads(1)
        self.threads = threads
        self._left = None if mix is None else np.eye(3, dtype=np.float32) - mix
        levels = np.arange(256, dtype=np.float32)
        self._counts = steadiness * np.exp(-((levels / TOLERANCE) ** 2) / 2)  # by difference
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="steady")
        self._local = threading.local()
        self._past: dict[int, _Past] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def add(self, number: int, source: Image, painted: Image) -> "Future[Image]":
        """The next frame, RGB [H, W, 3]; what comes of it, of the same size.

        No job waits for one that was queued after it, and the pool takes them in order: none waits for ever.
        """
        if min(source.shape[:2]) < SMALLEST * SHRINK:
            return _done(painted)
        gray = shrunk(source)
        pictures: Pictures = (painted,) if self._left is None else (painted, source)
        last, last_but_one = self._past.get(number - 1), self._past.get(number - 2)
        link, once = None, _done(pictures)
        if last:
            link = self._pool.submit(self._link, gray, last.gray)
            once = self._pool.submit(self._mean, once, _done(last.painted), link)
        twice = once
        if last and last.link and link and last_but_one:
            longer = self._pool.submit(self._longer, gray, last_but_one.gray, link, last.link)
            mean = self._pool.submit(self._mean, once, last_but_one.once, longer)
            twice = self._pool.submit(self._sharpened, mean, longer)
        self._past = {n: past for n, past in self._past.items() if n > number - 2}
        self._past[number] = _Past(gray, pictures, link, once)
        return self._pool.submit(self._with_source, source, twice)

    def _link(self, after: Image, before: Image) -> _Link:
        return self._weighed(after, before, self._flow(after, before))

    def _longer(self, after: Image, before: Image, near: "Future[_Link]", far: "Future[_Link]") -> _Link:
        """Over two frames: to the one between, and on from there."""
        flow = near.result().flow
        onward = _sampled(far.result().flow, flow + _grid(*flow.shape[:2]), cv2.INTER_LINEAR)
        return self._weighed(after, before, flow + onward)

    def _weighed(self, after: Image, before: Image, flow: Floats) -> _Link:
        """Full weight where the source looks the same at both ends; none where the flow leads out of the frame."""
        origin = flow + _grid(*flow.shape[:2])
        difference = cv2.absdiff(after, _sampled(before, origin, cv2.INTER_LINEAR))
        weight = cast(Floats, cv2.LUT(cv2.blur(difference, (AROUND, AROUND)), self._counts))
        height, width = after.shape
        weight[((origin < 0) | (origin > (width - 1, height - 1))).any(axis=-1)] = 0
        return _Link(flow, weight)

    def _flow(self, after: Image, before: Image) -> Floats:
        """For each pixel of `after` how far it is from where it was in `before`, [h, w, 2]."""
        if not hasattr(self._local, "dis"):  # it has buffers of its own, so each thread has one
            dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
            dis.setFinestScale(FINEST_SCALE)
            dis.setVariationalRefinementIterations(REFINEMENTS)
            self._local.dis = dis
        return cast(Floats, self._local.dis.calc(after, before, None))

    def _mean(self, now: "Future[Pictures]", before: "Future[Pictures]", link: "Future[_Link]") -> Pictures:
        """Each picture and the earlier one, moved to where it is now."""
        pictures, found = now.result(), link.result()
        if not found.weight.any():
            return pictures
        weight = _as_large(found.weight, pictures[0])
        own, origin = np.ones_like(weight), _origin(found.flow, pictures[0])
        moved = (_sampled(picture, origin, cv2.INTER_CUBIC) for picture in before.result())
        means = (cv2.blendLinear(a, b, own, weight) for a, b in zip(pictures, moved, strict=True))
        return tuple(cast(Image, mean) for mean in means)

    def _sharpened(self, mean: "Future[Pictures]", link: "Future[_Link]") -> Pictures:
        """As much as the earlier frame counted, so that what is as it was painted stays so."""
        pictures, share = mean.result(), link.result().weight
        if not share.any():
            return pictures
        weight = _as_large(share, pictures[0])
        return tuple(cast(Image, cv2.blendLinear(_crisp(p), p, weight, 1 - weight)) for p in pictures)

    def _with_source(self, source: Image, steadied: "Future[Pictures]") -> Image:
        """What of the averaged frame is the averaged source's is given back from the frame's own."""
        if self._left is None:
            return steadied.result()[0]
        painted, averaged = (picture.astype(np.float32) for picture in steadied.result())
        whole = painted + (source - averaged) @ self._left
        return np.rint(whole).clip(0, 255).astype(np.uint8)


def threads_beside(device: str, workers: int = 1) -> int:
    """As many as keep up with so many `workers` on `device` (see `Scorer.device`) and leave them their cores."""
    spare = (os.process_cpu_count() or 1) // CORES_PER_THREAD
    return min(MAX_THREADS, workers if "cpu" in device else max(1, spare))


def shrunk(source: Image) -> Image:
    """Luma at half the size, where flow is found."""
    height, width = source.shape[:2]
    small = cv2.resize(source, (width // SHRINK, height // SHRINK), interpolation=cv2.INTER_AREA)
    return cast(Image, cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))


def _crisp(picture: Image) -> Image:
    soft = cv2.GaussianBlur(picture, (0, 0), SHARPENING_SIGMA)
    return cast(Image, cv2.addWeighted(picture, 1 + SHARPENING, soft, -SHARPENING, 0))


def _as_large(field: Floats, picture: Image) -> Floats:
    height, width = picture.shape[:2]
    return cast(Floats, cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR))


def _origin(flow: Floats, picture: Image) -> Floats:
    """Where each pixel of a picture was, (x, y) [H, W, 2]."""
    height, width = picture.shape[:2]
    full = _as_large(flow, picture)
    full *= np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    full += _grid(height, width)
    return full


@cache
def _grid(height: int, width: int) -> Floats:
    """The place of each pixel, (x, y) [h, w, 2]; of the two sizes that a video has."""
    grid = np.stack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), axis=-1)
    grid.setflags(write=False)
    return grid


def _sampled[T: (Image, Floats)](image: T, origin: Floats, interpolation: int) -> T:
    return cast(T, cv2.remap(image, origin, cast(Floats, None), interpolation, borderMode=cv2.BORDER_REPLICATE))


def _done[T](value: T) -> "Future[T]":
    future: Future[T] = Future()
    future.set_result(value)
    return future
