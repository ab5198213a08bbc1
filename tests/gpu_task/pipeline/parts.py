"""A source, scorers and a sink that do what a test says; frames of 2x2 that know their number."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator

import numpy as np

from gpu_task.chunk_frames import ChunkFrame, Fate
from gpu_task.pipeline.scoring import Shown

# No wait of a test is this long unless the thing waited for does not happen.
GUARD = 20.0


def nothing(_: int) -> None:
    pass


def rgb(number: int) -> np.ndarray:
    """[2, 2, 3], every value the frame's number."""
    return np.full((2, 2, 3), number, np.uint8)


def number_of(frame: np.ndarray) -> int:
    return int(frame[0, 0, 0])


def scored(numbers: Iterable[int]) -> list[ChunkFrame]:
    return [ChunkFrame(number, "scored", rgb(number)) for number in numbers]


class Source:
    """`frames`; `on_frame` is called with each number in the decoding thread, before the frame is handed out."""

    def __init__(self, frames: Iterable[ChunkFrame], on_frame: Callable[[int], object] = nothing) -> None:
        self.frames, self.on_frame = frames, on_frame
        self.count = 0
        self.closed = False

    def __iter__(self) -> Generator[ChunkFrame]:
        try:
            for frame in self.frames:
                self.on_frame(frame.number)
                self.count += 1
                yield frame
        finally:
            self.closed = True


class Scorer:
    """Adds 100; `on_batch` is called with the numbers of each batch."""

    device = "a test"

    def __init__(self, batch_size: int = 1, on_batch: Callable[[list[int]], object] = lambda _: None) -> None:
        self.batch_size, self.on_batch = batch_size, on_batch
        self.batches: list[list[int]] = []

    def prepare(self, width: int, height: int) -> None:
        pass

    def peak_memory_bytes(self) -> int:
        return 1

    def score(self, batch: np.ndarray) -> np.ndarray:
        numbers = [number_of(frame) for frame in batch]
        self.on_batch(numbers)
        self.batches.append(numbers)
        return batch + 100


class Overlapping(Scorer):
    """Keeps up to `in_flight` batches; each is scored when it is collected."""

    def __init__(
        self, in_flight: int, batch_size: int = 1, on_batch: Callable[[list[int]], object] = lambda _: None
    ) -> None:
        super().__init__(batch_size, on_batch)
        self.in_flight = in_flight
        self.outstanding: list[int] = []  # batches started and not collected, by the order of their start
        self.most = self.started = 0

    def start(self, batch: np.ndarray) -> Callable[[], np.ndarray]:
        place, batch = self.started, batch.copy()
        self.started += 1
        self.outstanding.append(place)
        self.most = max(self.most, len(self.outstanding))

        def collect() -> np.ndarray:
            assert self.outstanding.pop(0) == place
            return super(Overlapping, self).score(batch)

        return collect

    def score(self, batch: np.ndarray) -> np.ndarray:
        assert not self.outstanding, "a batch is tried while others are on the device"
        return super().score(batch)


class Sink:
    """Keeps what is shown: number, fate and value of each frame; `on_frame` is called with the number."""

    def __init__(self, on_frame: Callable[[int], object] = nothing) -> None:
        self.on_frame = on_frame
        self.seconds = 0.0
        self.shown: list[tuple[int, Fate, int]] = []
        self.ended: str = ""

    def run(self, frames: Iterator[Shown]) -> None:
        self.ended = "stopped"
        for frame in frames:
            self.on_frame(frame.number)
            self.shown.append((frame.number, frame.fate, number_of(frame.rgb)))
        self.ended = "well"


def stage_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name in ("decode", "batch", "encode", "steady")]
