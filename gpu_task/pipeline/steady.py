"""The stage that steadies: what was scored is averaged with the frames before it, in order."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gpu_task.pipeline.channel import Channel
from gpu_task.pipeline.scoring import Shown
from gpu_task.steadying import Steadying


class Steady:
    """Passes frames on once they are steadied; what is held is what became of the frame that it repeats.

    `seconds` were spent handing frames over and waiting for what comes of them.
    """

    def __init__(self, steadying: Steadying) -> None:
        self.seconds = 0.0
        self._steadying = steadying
        self._last: Future[NDArray[np.uint8]] | None = None
        self._waiting: deque[Callable[[], Shown]] = deque()

    def run(self, scored: Channel[tuple[Shown, ...]], shown: Channel[tuple[Shown, ...]]) -> None:
        """Raises: StoppedError: another stage has failed."""
        with self._steadying:
            for several in scored:
                for frame in several:
                    begun = time.perf_counter()
                    self._waiting.append(self._begin(frame))
                    self.seconds += time.perf_counter() - begun
                    while len(self._waiting) > self._steadying.threads:
                        shown.put((self._finish(),))
            while self._waiting:
                shown.put((self._finish(),))

    def _begin(self, frame: Shown) -> Callable[[], Shown]:
        if frame.fate == "scored":
            assert frame.source is not None
            self._last = self._steadying.add(frame.number, frame.source, frame.rgb)
        if frame.fate == "source" or self._last is None:
            return lambda: frame
        steadied = self._last
        return lambda: replace(frame, rgb=steadied.result(), source=None)

    def _finish(self) -> Shown:
        begun = time.perf_counter()
        frame = self._waiting.popleft()()
        self.seconds += time.perf_counter() - begun
        return frame
