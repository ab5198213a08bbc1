"""Fits the styles that ship: `python gpu_task/styles/make.py NAME PAINTING --weights squeezenet1_0.safetensors`.

The paintings are in the public domain and not kept here; README.md says where they are. Training content: the
photographs that come with scikit-image, and whatever else is named. Prints the hash for contracts/styles.py.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402  after the path, so that it runs from anywhere

from contracts.styles import BUILTIN_STYLES  # noqa: E402
from gpu_task.fit import fit_to_file  # noqa: E402
from gpu_task.model_files import style_path  # noqa: E402
from gpu_task.recipes import find_recipe  # noqa: E402

# A face, an interior, an animal, sky, machinery: near and far, smooth and rough.
PHOTOGRAPHS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(BUILTIN_STYLES))
    parser.add_argument("painting", type=Path)
    parser.add_argument("--weights", type=Path, help="SqueezeNet 1.0 as safetensors (default: torchvision's)")
    parser.add_argument("--more", type=Path, nargs="*", default=[], help="more images or videos to fit on")
    parser.add_argument("--start", type=Path, help="a fitted style to begin from")
    parser.add_argument("--recipe", default="builtin-v1")
    parser.add_argument("--out", type=Path, help="file to write (default: the one that ships)")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    style, out = BUILTIN_STYLES[options.name], options.out or style_path(options.name)
    notes = [f"{key}={getattr(style, key)}" for key in ("title", "artist", "origin", "licence")]
    content = [*photographs(), *options.more]
    fit_to_file(options.painting, content, out, find_recipe(options.recipe), options.weights, options.start, notes)
    print(f"{out.name}: sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}")
    return 0


def photographs() -> list[Path]:
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    return [folder / name for name in PHOTOGRAPHS]


if __name__ == "__main__":
    sys.exit(main())
