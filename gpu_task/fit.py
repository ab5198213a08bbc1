"""`python -m gpu_task.fit STYLE.jpg --frames clip.mp4 photo.jpg --out my-style.safetensors`: fits a style by hand."""

import argparse
import dataclasses
import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from gpu_task.devices import best_device
from gpu_task.features_files import WeightsUnavailableError
from gpu_task.objectives import make_objective
from gpu_task.recipes import RECIPES, Recipe, find_recipe
from gpu_task.style_image import StyleImageError, read_style_image
from gpu_task.training import FitDivergedError, StepReport, fit
from gpu_task.training_frames import LONGER_SIDE, sample_frames
from gpu_task.weights import read_weights, write_weights
from media.errors import MediaError
from media.index import probe

EXPECTED = (StyleImageError, WeightsUnavailableError, FitDivergedError, MediaError, OSError)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        fit_to_file(
            options.style, options.frames, options.out, recipe_of(options), options.weights, options.start, options.note
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
) -> None:
    """Fits `recipe` to the image `style` on `content` (images and videos) and writes the weights to `out`.

    `notes` are `key=value` texts for the file's metadata, such as licence and origin.
    """
    painting = style.read_bytes()
    frames = [frame for path in content for frame in read_content(path)]
    device = best_device()
    image = read_style_image(painting, style.name, recipe.style_size)
    objective = make_objective(recipe, image, frames, device, weights)
    network = fit(frames, objective, recipe, device, print_progress, read_weights(start) if start else None)
    known = {**{key: str(value) for key, value in dataclasses.asdict(recipe).items()}, "recipe": recipe.name}
    known.pop("name")
    given = dict(note.split("=", 1) for note in notes)
    write_weights(network, out, {**known, "style_sha256": hashlib.sha256(painting).hexdigest(), **given})


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
    names = {recipe.features: recipe.name for recipe in RECIPES.values()}
    recipe = find_recipe(names[options.features])
    changes = {name: getattr(options, name) for name in ("steps", "crop", "style_size", "content", "seed")}
    changed = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(recipe, **changed) if changed else recipe


def print_progress(report: StepReport) -> None:
    if report.step % 100 == 0:
        print(
            f"step {report.step}: style {report.style:.3f}, content {report.content:.3f}, "
            f"consistency {report.consistency:.4f}, {report.seconds:.0f} s",
            file=sys.stderr,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gpu_task.fit", description=__doc__)
    parser.add_argument("style", type=Path, help="image of the style")
    parser.add_argument("--frames", type=Path, nargs="+", required=True, help="images and videos to fit on")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--features", choices=sorted({r.features for r in RECIPES.values()}), default="squeezenet")
    parser.add_argument("--weights", type=Path, help="safetensors file of the extractor (default: torchvision's)")
    parser.add_argument("--start", type=Path, help="a fitted style to begin from, instead of random weights")
    parser.add_argument("--steps", type=int, help="optimiser steps (default: the recipe's)")
    parser.add_argument("--style-size", type=int, help="shorter side of the style in pixels; larger: larger strokes")
    parser.add_argument("--content", type=float, help="weight of content against style")
    parser.add_argument("--crop", type=int, help="side of the training squares in pixels")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    parser.add_argument("--note", action="append", default=[], metavar="KEY=VALUE", help="for the file's metadata")
    return parser


if __name__ == "__main__":
    sys.exit(main())
