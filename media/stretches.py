"""Decoding on several cores without several threads in one decoder: each stretch from one keyframe to another has a
decoder of its own, with one thread.

For H.264, MPEG-4 and whatever else does not tell of all damage where several threads decode it (see
`media.wholeness.TELLING_WITH_THREADS`). What is read, and what is found out about damage, is exactly what `read_frames`
reads and finds out for each stretch: no more is asked of it than of chunks that begin at keyframes.
"""

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Generator
from itertools import pairwise
from queue import Queue, ShutDown

from av.video.frame import VideoFrame

from contracts.video_index import VideoIndex
from media.errors import FramesMissing
from media.reader import read_frames, wanted_times
from media.source import Source, name_of
from media.wholeness import TELLING_WITH_THREADS

# Shorter ones are not worth opening the container once more, a few milliseconds and a request or two.
MIN_FRAMES = 32
# For frames that are decoded and not yet asked for: 4 stretches of 82 frames of 1080p, 4:2:0.
MEMORY_BYTES = 1024**3


def read_in_stretches(
    open_again: Callable[[], Source],
    index: VideoIndex,
    first: int,
    last: int,
    *,
    readers: int,
    min_frames: int = MIN_FRAMES,
    memory_bytes: int = MEMORY_BYTES,
) -> Generator[VideoFrame]:
    """Frames `first`..`last` as `read_frames` yields them, up to `readers` stretches being decoded at once, ahead of
    the one that is asked for. `open_again` gives the source anew for each: they are read from several threads.

    Where it pays most: groups of pictures no longer than `memory_bytes` has room for, over `readers`. What it holds
    more than that are the one frame that each decoder is at. Closing the generator ends all threads.

    Raises:
        As `read_frames`, with the same frames yielded before.
    """
    wanted = range(first, last + 1)
    cuts = _cuts(index, wanted, min_frames) if readers > 1 else [first, last + 1]
    if len(cuts) == 2:
        yield from read_frames(open_again(), index, first, last)
        return
    room = max(1, memory_bytes // (readers * 2 * index.width * index.height))  # 2 bytes a pixel: 4:2:0 has 1.5
    coming = deque(pairwise(cuts))
    running: deque[_Stretch] = deque()
    got = 0
    try:
        while coming or running:
            while coming and len(running) < readers:
                begin, end = coming.popleft()
                running.append(_Stretch(open_again(), index, begin, end - 1, room))
            for frame in running[0].frames():
                got += 1
                yield frame
            running.popleft()
    except FramesMissing as error:
        raise FramesMissing(name_of(open_again()), wanted, got) from error
    finally:
        for stretch in running:
            stretch.close()


def _cuts(index: VideoIndex, wanted: range, min_frames: int) -> list[int]:
    """Where stretches begin, and the frame after the last. All but the first begin with a keyframe."""
    times = wanted_times(index, wanted[0], wanted[-1])
    cuts = [wanted.start]
    if index.seek != "ordinal" and index.codec not in TELLING_WITH_THREADS:
        for keyframe in index.keyframes:
            place = bisect_left(times, keyframe.pts)
            number = wanted.start + place
            is_frame = place < len(times) and times[place] == keyframe.pts
            if is_frame and number - cuts[-1] >= min_frames and wanted.stop - number >= min_frames:
                cuts.append(number)
    return [*cuts, wanted.stop]


class _Stretch:
    """Frames `first`..`last`, decoded by a thread of their own, up to `room` of them ahead."""

    def __init__(self, source: Source, index: VideoIndex, first: int, last: int, room: int) -> None:
        self._decoded: Queue[VideoFrame] = Queue(room)
        self._error: BaseException | None = None
        self._read = lambda: read_frames(source, index, first, last)
        self._thread = threading.Thread(target=self._run, name=f"decode {first}..{last}")
        self._thread.start()

    def frames(self) -> Generator[VideoFrame]:
        """In order, then what reading raised."""
        while True:
            try:
                frame = self._decoded.get()
            except ShutDown:
                break
            yield frame
        self._thread.join()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Ends the thread at its next frame, and waits for that."""
        self._decoded.shutdown(immediate=True)
        self._thread.join()

    def _run(self) -> None:
        frames = self._read()
        try:
            for frame in frames:
                self._decoded.put(frame)
        except ShutDown:
            pass
        except BaseException as error:  # noqa: BLE001 - raised where the frames are taken
            self._error = error
        finally:
            frames.close()
            self._decoded.shutdown()
