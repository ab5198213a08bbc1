"""Compiles the style network ahead, for frames of given sizes: in a container image, or in a node's start task.

python -m gpu_task compile --size 1280x720 [--size 1920x1080 ...] [--out FOLDER]

A package fits the kind of machine and the number of threads that it was made with; tasks on others make their own.
Needs a C++ compiler (Debian: g++). Tasks find the packages if ATELIER_COMPILED names the folder.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from gpu_task.compiled import CompileError, compiled_painting
from gpu_task.compiled_folder import CompiledFolderError, compiled_folder
from gpu_task.devices import best_device, describe
from gpu_task.network import StyleNetwork
from gpu_task.painting import make_painting
from gpu_task.precision import score_dtype
from gpu_task.scorers.style_transfer import batch_size

SMALLEST = 16


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    device = best_device()
    dtype = score_dtype(device, options.precision)
    painting = make_painting(StyleNetwork(), dtype, device)
    folder = options.out or compiled_folder()
    try:
        for width, height in options.size:
            batch = batch_size(device, width, height)
            compiled_painting(painting, (batch, height, width, 3), device, folder)
            print(f"{folder}: {width}x{height}, {describe(device, dtype)}, batch {batch}")
    except (CompileError, CompiledFolderError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m gpu_task compile", description="Compile the style network ahead.")
    parser.add_argument(
        "--size",
        type=_size,
        action="append",
        required=True,
        metavar="WxH",
        help="of the frames scored; may be repeated",
    )
    parser.add_argument("--out", type=Path, help="default: where tasks look (ATELIER_COMPILED)")
    parser.add_argument("--precision", choices=("auto", "float32"), default="auto", help="as SCORE_PRECISION")
    return parser


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= SMALLEST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; give width x height, {SMALLEST} or more: 1280x720")
    return int(width), int(height)
