"""Fits the styles that ship: `python -m scripts.fit_styles [NAME ...] --paintings FOLDER`.

Paintings of museums are looked for in FOLDER, by file names that begin with the style's name: they are in the public
domain and not kept here; gpu_task/styles/README.md says where they are. Our own are docs/images/styles/NAME.jpg,
painted first where that is missing. Fitted on the photographs of gpu_task/content and whatever --more names. Prints,
for contracts/styles.py, the hash of each file written.
"""

import argparse
import hashlib
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from contracts.styles import BUILTIN_STYLES
from gpu_task.content import FOLDER as PHOTOGRAPHS
from gpu_task.fit import EXPECTED, fit_to_file
from gpu_task.model_files import style_path
from gpu_task.recipes import FIRST, FIRST_STYLE, RECIPES, SQUEEZENET, find_recipe
from scripts.paintings.catalogue import PAINTINGS, save

OWN = Path(__file__).parents[1] / "docs" / "images" / "styles"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


class PaintingNotFoundError(OSError):
    """There is no painting of a style's name, or there are several."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    unknown = [name for name in options.names if name not in BUILTIN_STYLES]
    if unknown:
        print(f"{unknown[0]!r} is not in contracts/styles.py; there are: {', '.join(BUILTIN_STYLES)}", file=sys.stderr)
        return 2
    torch.set_num_threads(options.threads)
    try:
        # All of them before the first fit: it takes a while, and the last one must not fail for want of a file.
        names = sorted(options.names or BUILTIN_STYLES, key=lambda name: name != FIRST_STYLE)
        paintings = {name: find_painting(name, options.paintings) for name in names}
        for name, painting in paintings.items():
            out = options.out / f"{name}.safetensors" if options.out else style_path(name)
            make(name, painting, out, options)
            print(f'{name}: sha256="{hashlib.sha256(out.read_bytes()).hexdigest()}",', flush=True)
    except EXPECTED as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def make(name: str, painting: Path, out: Path, options: argparse.Namespace) -> None:
    style = BUILTIN_STYLES[name]
    notes = [f"{key}={getattr(style, key)}" for key in ("title", "artist", "origin", "licence")]
    content = [*sorted(PHOTOGRAPHS.glob("*.jpg")), *options.more]
    print(f"{name}: {painting}, on {len(content)} files", file=sys.stderr)
    usual = FIRST if name == FIRST_STYLE else SQUEEZENET
    recipe = find_recipe(options.recipe) if options.recipe else usual
    fit_to_file(painting, content, out, recipe, options.weights, options.start, notes, options.seconds, {name})


def find_painting(name: str, folder: Path | None) -> Path:
    """The style's image: of our own, or the one file in `folder` whose name begins with the style's.

    Raises:
        PaintingNotFoundError: none, or more than one.
    """
    if name in PAINTINGS:
        path = OWN / f"{name}.jpg"
        return path if path.is_file() else save(name, OWN)
    if folder is None:
        raise PaintingNotFoundError(
            f"{name}: name the folder of its painting with --paintings (see gpu_task/styles/README.md)"
        )
    begins = name.replace("-", "_")
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and path.stem.lower().replace("-", "_").startswith(begins)
    ]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise PaintingNotFoundError(f"{name}: {folder} needs one image whose name begins with {begins}; found: {names}")
    return found[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BUILTIN_STYLES)} (default: all)")
    parser.add_argument("--paintings", type=Path, metavar="FOLDER", help="where the museums' paintings lie")
    parser.add_argument("--weights", type=Path, help="file of the extractor's weights (default: see docs/features.md)")
    parser.add_argument("--more", type=Path, nargs="+", default=[], metavar="FILE", help="images, videos to fit on too")
    parser.add_argument("--start", type=Path, help="a fitted style to begin from")
    parser.add_argument("--recipe", choices=list(RECIPES), help="default: squeezenet-v4; for impasto first-v2")
    parser.add_argument("--seconds", type=float, default=math.inf, help="longest time for each fit")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: where those that ship are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
