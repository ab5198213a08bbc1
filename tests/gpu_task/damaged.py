"""A source with a damaged part, and what its tasks write, by content: each frame shows its own number."""

from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np

from contracts.task_spec import Replacement, ScorerOptions, ScoreSpec, SourceRef
from contracts.video_index import VideoIndex
from media.frames import to_rgb
from media.index import probe
from tests.gpu_task.conftest import Storage, identity
from tests.media.clips import X264, encode
from tests.media.damage import GROSS, break_packets

COUNT = 60  # frames; every 12th is a keyframe


class Film:
    """60 frames of H.264, whole, and copies of it with packets damaged."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self.storage, self._folder = storage, folder
        self.path = encode(folder / "film.mp4", options=X264, pts=range(COUNT))
        self.index = probe(self.path)
        self.whole = storage.upload("film.mp4", self.path.read_bytes())

    def damaged(self, name: str, damages: Mapping[int, str]) -> SourceRef:
        """Frame number -> kind of damage to its packet."""
        times = self.index.frames.decode()
        broken = self._folder / f"{name}.mp4"
        break_packets(self.path, {times[number]: GROSS[kind] for number, kind in damages.items()}, broken)
        return self.storage.upload(f"{name}.mp4", broken.read_bytes())

    def spec(
        self,
        name: str,
        source: SourceRef,
        first: int,
        last: int,
        *,
        window: tuple[int, int] | None = None,
        replacement: Replacement | None = None,
        warm_up: int = 0,
        scorer: str = "identity",
        index: VideoIndex | None = None,
    ) -> ScoreSpec:
        return ScoreSpec(
            identity=identity(),
            source=source,
            index=(index or self.index).window(*(window or (first - warm_up, last))),
            first=first,
            last=last,
            warm_up=warm_up,
            replacement=replacement,
            scorer=scorer,
            model=None,
            options=ScorerOptions(),
            to=self.storage.destinations(f"film-{name}", "segment.mp4"),
        )


def number_in(rgb: np.ndarray) -> int:
    """The number that `tests.media.clips.picture` wrote into [H, W, 3] in bars of ten pixels, white for 1."""
    return sum(1 << bit for bit in range(8) if rgb[2:8, bit * 10 + 2 : bit * 10 + 8].mean() > 128)


def numbers_in(segment: bytes, folder: Path) -> list[int]:
    path = folder / "downloaded.mp4"
    path.write_bytes(segment)
    return [number_in(rgb) for rgb in pictures_in(path)]


def pictures_in(path: Path) -> list[np.ndarray]:
    """Every frame that a plain decode gives, as int [H, W, 3]: differences of two do not wrap."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return [to_rgb(frame).astype(int) for frame in container.decode(video=0)]
