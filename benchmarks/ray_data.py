"""The same work with Ray Data: one task decodes, a pool of actors paints, the driver encodes.

RAY_PYTHON -m benchmarks.ray_data VIDEO STYLE OUT.mp4 [--precision auto|float32] [--compiled] [--workers 2]

The last line on stdout is JSON: frames, `start_seconds` (Ray itself, which a cluster that is up would not take), and
CPU seconds of all processes. Run with the interpreter of `benchmarks.ray_environment`.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.plain_video import PaintedVideo, decode
from benchmarks.process_tree import tree_cpu
from benchmarks.single_process import Precision, add_arguments, make_painter

Batch = dict[str, NDArray[Any]]
# Frames an actor is given at once: as many as keep it busy while the next are on their way.
BATCH = 8
# Ray gathers 128 MiB before it hands a block on: with 360p frames, one actor would wait for 200 frames of the other.
BLOCK_BYTES = 8 * 2**20
OBJECT_STORE_BYTES = 2**30


def frame_batches(videos: Batch) -> Iterator[Batch]:
    """`videos["video"]` are paths; a batch of one frame each: its pts [1] and pixels [1, H, W, 3]."""
    for video in videos["video"]:
        for pts, rgb in decode(Path(str(video))):
            yield {"pts": np.array([pts]), "frame": rgb[None]}


class PaintActor:
    """One worker: its own network, one thread."""

    def __init__(self, style: str, precision: Precision, compiled: bool) -> None:
        import torch

        torch.set_num_threads(1)
        self._made = (style, precision, compiled)
        self._painter: tuple[Any, int] | None = None

    def __call__(self, batch: Batch) -> Batch:
        style, precision, compiled = self._made
        frames = batch["frame"]
        if self._painter is None:
            self._painter = make_painter(style, frames.shape[1:], precision, compiled)
        painter, most = self._painter
        painted = [painter(np.ascontiguousarray(frames[n : n + most])) for n in range(0, len(frames), most)]
        return {"pts": batch["pts"], "frame": np.concatenate(painted)}


def write_all(batches: Iterator[Batch], video: Path, out: Path) -> int:
    """Encode what comes, in order; the number of frames.

    Raises:
        ValueError: frames come out of order.
    """
    last = None
    with PaintedVideo(out, video) as result:
        for batch in batches:
            for pts, rgb in zip(batch["pts"].tolist(), batch["frame"], strict=True):
                if last is not None and pts <= last:
                    raise ValueError(f"frame at pts {pts} came after the one at {last}")
                result.write(pts, rgb)
                last = pts
    return result.frames


def main(args: argparse.Namespace) -> dict[str, float]:
    import ray  # pyright: ignore[reportMissingImports]  # only its own environment has it
    from ray.data import ActorPoolStrategy, DataContext  # pyright: ignore[reportMissingImports]

    began = time.monotonic()
    # Not the system's folder for temporary files: sockets' paths must be short, and nothing is to be left there.
    temporary = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    ray.init(num_cpus=args.workers + 1, include_dashboard=False, log_to_driver=False, logging_level="warning",
             object_store_memory=OBJECT_STORE_BYTES, _temp_dir=temporary)  # fmt: skip
    start_seconds = time.monotonic() - began
    try:
        context = DataContext.get_current()
        context.target_max_block_size = BLOCK_BYTES
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        painted = (
            ray.data.from_items([{"video": str(args.video)}])
            # Half a CPU by Ray's count: with equal needs it would fuse decoding into one of the actors.
            .map_batches(frame_batches, batch_size=1, num_cpus=0.5)
            .map_batches(PaintActor, fn_constructor_args=(args.style, args.precision, args.compiled),
                         batch_size=BATCH, num_cpus=1, compute=ActorPoolStrategy(size=args.workers))
        )  # fmt: skip
        frames = write_all(painted.iter_batches(batch_size=None, prefetch_batches=2), args.video, args.out)
        cpu = tree_cpu(os.getpid())
    finally:
        ray.shutdown()
        shutil.rmtree(temporary, ignore_errors=True)
    return {"frames": frames, "start_seconds": start_seconds, "cpu_seconds": cpu}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--workers", type=int, default=2)
    print(json.dumps(main(parser.parse_args())))
