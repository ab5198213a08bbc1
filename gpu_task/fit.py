"""Fits a style by hand: `python -m gpu_task fit STYLE.jpg --out my-style.safetensors`.

On frames of the videos and images given with --frames, or on the photographs of gpu_task/content.
"""

import argparse
import dataclasses
import math
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from contracts.fit import EXTRACTORS
from contracts.fit import RECIPES as RECIPE_OF
from gpu_task import fit_monitor
from gpu_task.content import photographs
from gpu_task.devices import best_device
from gpu_task.failures import HopelessError
from gpu_task.fit_monitor import FitMonitor
from gpu_task.objectives import hashes, make_objective
from gpu_task.recipes import RECIPES, Recipe, find_recipe
from gpu_task.starting import Start
from gpu_task.style_image import read_style_image
from gpu_task.training import FitDivergedError, StepReport, find_start, fit
from gpu_task.training_frames import LONGER_SIDE, sample_frames
from gpu_task.weights import read_weights, write_weights
from media.errors import MediaError
from media.index import probe

EXPECTED = (HopelessError, FitDivergedError, MediaError, OSError)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    notes = [f"style_scale={options.style_scale}", *options.note]
    try:
        fit_to_file(
            options.style,
            options.frames,
            options.out,
            recipe_of(options),
            options.weights,
            options.start,
            notes,
            options.max_seconds,
        )
    except EXPECTED as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def fit_to_file(
    style: Path,
    content: Sequence[Path],
    out: Path,
    recipe: Recipe,
    weights: Path | None,
    start: Path | None = None,
    notes: Sequence[str] = (),
    max_seconds: float = math.inf,
    without: Collection[str] = (),
) -> None:
    """Fits `recipe` to the image `style` on `content` (images and videos; none: the photographs that are carried
    along) and writes the weights to `out`.

    `notes` are `key=value` texts for the file's metadata, such as licence and origin. The fit does not begin from a
    built-in style in `without`.
    """
    painting = style.read_bytes()
    frames = [frame for path in content for frame in read_content(path)] or photographs()
    device = best_device()
    image = read_style_image(painting, style.name, recipe.style_size)
    objective = make_objective(recipe, image, frames, device, weights)
    monitor = FitMonitor(recipe.steps)

    def on_step(report: StepReport) -> None:
        monitor(report)
        print_progress(report)

    begin_from = (
        Start(start.stem, read_weights(start)) if start else find_start(frames, objective, recipe, device, without)
    )
    network = fit(frames, objective, recipe, device, on_step, begin_from.network, max_seconds)
    known = {**{key: str(value) for key, value in dataclasses.asdict(recipe).items()}, "recipe": recipe.name}
    known["start"] = begin_from.name or ""
    known.pop("name")
    given = dict(note.split("=", 1) for note in notes)
    about = {
        **known,
        **fit_monitor.notes(monitor.state()),
        **hashes(painting, objective),
        "torch": torch.__version__,
        **given,
    }
    write_weights(network, out, about)


def read_content(path: Path) -> Iterator[NDArray[np.uint8]]:
    """One RGB frame of an image, or up to 24 of a video."""
    try:
        with Image.open(path) as image:
            if getattr(image, "n_frames", 1) == 1:
                image = image.convert("RGB")
                image.thumbnail((LONGER_SIDE, LONGER_SIDE))
                yield np.asarray(image)
                return
    except UnidentifiedImageError:
        pass  # not an image: a video, or the probe says what is wrong with it
    yield from sample_frames(path, probe(path))


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe of the chosen features, with what the command line changes."""
    recipe = find_recipe(options.recipe or RECIPE_OF[options.features])
    changes = {name: getattr(options, name) for name in ("steps", "crop", "style_size", "content", "seed")}
    recipe = dataclasses.replace(recipe, **{name: value for name, value in changes.items() if value is not None})
    return dataclasses.replace(recipe, style_size=round(recipe.style_size * options.style_scale))


def print_progress(report: StepReport) -> None:
    if report.step % 100 == 0:
        print(
            f"step {report.step}: style {report.style:.3f}, content {report.content:.3f}, "
            f"consistency {report.consistency:.4f}, {report.seconds:.0f} s",
            file=sys.stderr,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gpu_task fit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("style", type=Path, help="image of the style")
    parser.add_argument("--frames", type=Path, nargs="+", default=[], help="images and videos to fit on")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--features", choices=EXTRACTORS, default=EXTRACTORS[0], help=f"default: {EXTRACTORS[0]}")
    parser.add_argument("--recipe", choices=list(RECIPES), help="default: the one of the features")
    parser.add_argument(
        "--weights", type=Path, help="safetensors file of the extractor (default: see docs/features.md)"
    )
    parser.add_argument("--start", type=Path, help="a fitted style to begin from, instead of random weights")
    parser.add_argument("--steps", type=int, help="optimiser steps (default: the recipe's)")
    parser.add_argument("--max-seconds", type=float, default=math.inf, help="ends the fit sooner, with what it has")
    parser.add_argument("--style-scale", type=float, default=1.0, help="larger: larger strokes and motifs (default: 1)")
    parser.add_argument("--style-size", type=int, help="shorter side of the style in pixels, before scaling")
    parser.add_argument("--content", type=float, help="weight of content against style")
    parser.add_argument("--crop", type=int, help="side of the training squares in pixels")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    parser.add_argument("--note", action="append", default=[], metavar="KEY=VALUE", help="for the file's metadata")
    return parser


if __name__ == "__main__":
    sys.exit(main())
