"""What somebody would write instead of a system: one process that decodes, paints and encodes, and copies the audio.

python -m benchmarks.single_process VIDEO STYLE OUT.mp4 [--precision auto|float32] [--compiled]

`float32` is plain PyTorch; anything else is the scorer that a GPU task would use, on all cores, so that what is left
between this and the system is the system.
"""

import argparse
from collections.abc import Callable, Sequence
from itertools import batched, chain
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.plain_video import PaintedVideo, decode
from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import Execution, ModelRef, ScorerOptions, ScoreSpec
from gpu_task.model_files import read_model
from gpu_task.network import StyleNetwork
from gpu_task.scorers import make_scorer

Precision = Literal["auto", "float32"]
# RGB frames uint8 [B, H, W, 3] to as many of the same size.
Painter = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def paint(video: Path, style: str, out: Path, precision: Precision, compiled: bool = False) -> int:
    """Write `out`; the number of frames."""
    frames = decode(video)
    first = next(frames)
    painter, batch_size = make_painter(style, first[1].shape, precision, compiled)
    with PaintedVideo(out, video) as result:
        for batch in batched(chain([first], frames), batch_size, strict=False):
            painted = painter(np.stack([rgb for _, rgb in batch]))
            for (pts, _), rgb in zip(batch, painted, strict=True):
                result.write(pts, rgb)
    return result.frames


def make_painter(style: str, shape: Sequence[int], precision: Precision, compiled: bool = False) -> tuple[Painter, int]:
    """The network of `style` for frames of `shape` (H, W, 3), and how many it takes at once."""
    ref = ModelRef(name=style, sha256=BUILTIN_STYLES[style].sha256, builtin=True)
    if precision == "float32" and not compiled:
        return plain_painter(ref), 1
    execution = Execution(precision=precision, compiled=compiled)
    # A scorer reads these four of a task's spec; the rest is about where a task's frames come from and go to.
    spec = ScoreSpec.model_construct(scorer="style-transfer", model=ref, options=ScorerOptions(), execution=execution)
    scorer = make_scorer(spec)
    scorer.prepare(shape[1], shape[0])
    return scorer.score, scorer.batch_size


def plain_painter(ref: ModelRef) -> Painter:
    """PyTorch as in its tutorials: no scorer of ours."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = StyleNetwork().to(device).eval()
    network.load_state_dict(read_model(ref))

    @torch.inference_mode()
    def paint_batch(batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        rgb = torch.from_numpy(batch).to(device).permute(0, 3, 1, 2).float() / 255  # [B, 3, H, W]
        painted = (network(rgb) * 255 + 0.5).clamp(0, 255).to(torch.uint8)
        return painted.permute(0, 2, 3, 1).contiguous().cpu().numpy()

    return paint_batch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", type=Path)
    parser.add_argument("style", choices=sorted(BUILTIN_STYLES))
    parser.add_argument("out", type=Path)
    parser.add_argument("--precision", choices=("auto", "float32"), default="auto")
    parser.add_argument("--compiled", action="store_true")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    args = parser.parse_args()
    print(paint(args.video, args.style, args.out, args.precision, args.compiled))
