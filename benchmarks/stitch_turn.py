"""One turn of ours in the benchmark of the stitch: a process that loads what a stitch needs, and no torch.

python -m benchmarks.stitch_turn {stitch,product} FRAMES OUT.mp4
"""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from contracts.video_index import VideoIndex
from media.stitch import Segment, stitch
from media.stored import StoredSegment, stitch_stored


def take_turn(side: str, frames: int, out: Path) -> float:
    """The seconds of one side of ours, in this process; the files are those of `make_job`, beside `out`."""
    folder = out.parent
    index = VideoIndex.model_validate_json((folder / "job.json").read_text())
    paths = [folder / f"{number:05d}.mp4" for number in range(index.frame_count // frames)]
    ranges = [(n * frames, (n + 1) * frames - 1, path) for n, path in enumerate(paths)]
    source = folder / "source.mp4"
    if side == "stitch":
        segments = [Segment(first, last, lambda path=path: path.open("rb")) for first, last, path in ranges]
        began = time.perf_counter()
        stitch(segments, source, index, out)
    else:
        hashes = {path.stat().st_ino: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
        stored = [StoredSegment(a, b, hashes[path.stat().st_ino], _reader(path)) for a, b, path in ranges]
        began = time.perf_counter()
        stitch_stored(stored, source, index, out)
    return time.perf_counter() - began


def _reader(path: Path) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(1 << 22):
                yield piece

    return read


if __name__ == "__main__":
    print(take_turn(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
