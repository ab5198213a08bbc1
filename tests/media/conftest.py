"""The clips of `clips.py` as fixtures: each is made once per session, on first use, and indexed and decoded once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from contracts.video_index import VideoIndex
from media.index import probe
from media.segment import EncoderSettings
from tests.media.clips import VIDEOS, decode_straight

VIDEO_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "media" / "videos"
FAST = EncoderSettings(preset="ultrafast", threads=1)


@dataclass(frozen=True)
class Clip:
    """A clip, its index, and a hash per frame of a decode straight through, by PyAV alone."""

    kind: str
    path: Path
    index: VideoIndex
    hashes: tuple[str, ...]


class Clips(Protocol):
    def __call__(self, kind: str) -> Clip: ...


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    folder = tmp_path_factory.mktemp("clips")
    made: dict[str, Clip] = {}

    def make(kind: str) -> Clip:
        if kind not in made:
            name, maker = VIDEOS[kind]
            path = maker(folder / name)
            made[kind] = Clip(kind, path, probe(path), tuple(decode_straight(path)))
        return made[kind]

    return make


@pytest.fixture(params=sorted(VIDEOS))
def clip(request: pytest.FixtureRequest, clips: Clips) -> Clip:
    return clips(request.param)
