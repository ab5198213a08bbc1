"""Stitching segments that lie elsewhere: fetched ahead, their hashes checked, joined, and the result hashed.

The app and a GPU task both stitch with this; where the bytes come from is theirs to say.
"""

import hashlib
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import IO

from contracts.provenance import AudioTrack
from contracts.video_index import VideoIndex
from media.errors import SegmentMismatch, frame_range
from media.source import Source
from media.stitch import Segment, stitch

# Segments on their way while one is being joined: a request takes tens of milliseconds, joining a segment a few. Each
# is a file without a name, so that memory does not grow with them; the disk holds them beside the result.
AHEAD = 8


@dataclass(frozen=True)
class StoredSegment:
    """The segment of frames `first`..`last`. `read` gives its bytes, in pieces; it is called from other threads."""

    first: int
    last: int
    sha256: str
    read: Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Finished:
    """The MP4 at `path`. `waited` are the seconds that joining waited for segments."""

    path: Path
    sha256: str
    size: int
    audio: tuple[AudioTrack, ...]
    waited: float


def stitch_stored(segments: Sequence[StoredSegment], source: Source, index: VideoIndex, out: Path) -> Finished:
    """Join `segments` to the MP4 `out`, as `media.stitch.stitch` does.

    Raises:
        SegmentMismatch: a segment's bytes are not those that its hash is of.
        MediaError, OSError: as `stitch`. What a segment's `read` or `source` raises surfaces as itself.
    """
    ordered = sorted(segments, key=lambda segment: segment.first)
    with _fetching(ordered, out.parent) as fetcher:
        named = [Segment(s.first, s.last, lambda n=number: fetcher.open(n)) for number, s in enumerate(ordered)]
        report = stitch(named, source, index, out)
    with out.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    audio = tuple(AudioTrack(index=t.index, codec=t.codec, action=t.action) for t in report.audio)
    return Finished(out, sha256, report.bytes, audio, fetcher.waited)


@contextmanager
def _fetching(segments: Sequence[StoredSegment], folder: Path) -> Generator["_Fetcher"]:
    with ThreadPoolExecutor(AHEAD, thread_name_prefix="segment") as pool:
        fetcher = _Fetcher(segments, folder, pool)
        try:
            yield fetcher
        finally:
            fetcher.drop()


class _Fetcher:
    """Opens segments in their order, with the next ones already on their way."""

    def __init__(self, segments: Sequence[StoredSegment], folder: Path, pool: ThreadPoolExecutor) -> None:
        self._segments, self._folder, self._pool = segments, folder, pool
        self._coming: deque[Future[IO[bytes]]] = deque()
        self._given: int = 0  # segments that were opened: the next one to come is this number
        self.waited = 0.0

    def open(self, number: int) -> IO[bytes]:
        """The whole segment, checked. Its file is the caller's to close."""
        began = perf_counter()
        try:
            if number != self._given:  # the first one, whose header is looked at before its packets are
                return _fetch(self._segments[number], self._folder)
            self._ask()
            self._given += 1
            return self._coming.popleft().result()
        finally:
            self.waited += perf_counter() - began

    def drop(self) -> None:
        """Forget what is on its way."""
        for future in self._coming:
            if not future.cancel() and future.exception() is None:
                future.result().close()

    def _ask(self) -> None:
        asked = self._given + len(self._coming)
        for segment in self._segments[asked : self._given + AHEAD]:
            self._coming.append(self._pool.submit(_fetch, segment, self._folder))


def _fetch(segment: StoredSegment, folder: Path) -> IO[bytes]:
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (whoever opened the segment closes it)
    try:
        seen = hashlib.sha256()
        for piece in segment.read():
            file.write(piece)
            seen.update(piece)
        if seen.hexdigest() != segment.sha256:
            frames = frame_range(range(segment.first, segment.last + 1))
            raise SegmentMismatch(f"the segment of {frames} is not the one that was scored: its hash differs")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
