"""Where a task's seconds went: sums per stage for the result message, and a row per frame for the timings blob."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from contracts.messages import StageSeconds

# Stages of the pipeline -> seconds.
type Seconds = dict[str, float]

STAGES = tuple(name for name in StageSeconds.model_fields if name != "total")


@dataclass(frozen=True)
class PipelineSeconds:
    """How well the stages of a chunk overlapped: `wall` is from the first frame's decoding to the file's end.

    Each stage has a thread of its own, which was `busy` or `waited` for its neighbours; with enough processors the wall
    is little more than what the slowest was busy. `decode` counts the download, `score` what it waited for the device;
    `batch` puts frames together.
    """

    wall: float
    busy: Seconds
    waited: Seconds

    @property
    def slowest(self) -> tuple[str, float]:
        """The stage that was busy longest, and its seconds."""
        return max(self.busy.items(), key=lambda stage: stage[1])


class Timings:
    """Wall seconds. `began` is a `time.perf_counter()` reading: when the program started."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._frames: list[dict[str, float]] = []
        self.pipeline: PipelineSeconds | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the block's seconds to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, stage: str, seconds: float) -> None:
        """Raises: KeyError for a stage that `StageSeconds` has not."""
        self._seconds[stage] += seconds

    def queued(self, submitted_at: float | None) -> None:
        """From submission (Unix seconds, another machine's clock) to the program's start."""
        if submitted_at is not None:
            started_at = time.time() - (time.perf_counter() - self._began)
            self._seconds["queue"] = max(0.0, started_at - submitted_at)

    def started(self) -> None:
        """All until now was start-up."""
        self._seconds["start"] = time.perf_counter() - self._began

    def frame(self, number: int, decode: float, score: float, encode: float) -> None:
        """One frame's share of each stage."""
        self._frames.append({"frame": number, "decode": decode, "score": score, "encode": encode})
        for stage, seconds in (("decode", decode), ("score", score), ("encode", encode)):
            self.add(stage, seconds)

    def downloaded(self, seconds: float) -> None:
        """Seconds that decoders waited for the source's bytes: moved from `decode` to `download`. With several of them
        they may be more than those that frames were waited for."""
        self.add("download", seconds)
        self._seconds["decode"] = max(0.0, self._seconds["decode"] - seconds)

    def seconds(self) -> StageSeconds:
        return StageSeconds(**self._seconds, total=time.perf_counter() - self._began)

    def to_json(self, **facts: Any) -> str:
        """Stages, frames and whatever else is worth keeping."""
        frames = [{key: round(value, 6) for key, value in row.items()} for row in self._frames]
        pipeline = {} if self.pipeline is None else {"pipeline": asdict(self.pipeline)}
        return json.dumps({**facts, "seconds": self.seconds().model_dump(), **pipeline, "frames": frames})
