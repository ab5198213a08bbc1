"""`python -m gpu_task evaluate MODEL --style IMAGE --clips A.mp4 B.mp4`: how well a model paints, told and shown.

For each clip and over all: style and content loss (gpu_task/evaluation/appearance.py has the formulas), flicker and the
source's own (motion.py), the largest difference between two chunkings (painting.py), milliseconds per frame.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import ModelRef, ScorerOptions
from gpu_task.devices import best_device
from gpu_task.evaluation import EvaluationError
from gpu_task.evaluation.appearance import Appearance
from gpu_task.evaluation.clips import find_clip
from gpu_task.evaluation.extractors import LAYERS, open_extractor
from gpu_task.evaluation.figures import table
from gpu_task.evaluation.judging import Judgement, Model, judge
from gpu_task.failures import BadFramesError
from gpu_task.features_files import WeightsUnavailableError
from gpu_task.model_files import ModelError, ModelFormatError, style_path
from gpu_task.network import StyleNetwork
from gpu_task.scorers.style_transfer import StyleTransfer, open_network
from gpu_task.style_image import StyleImageError, read_style_image
from gpu_task.weights import read_notes, read_weights
from media.errors import MediaError

EXPECTED = (EvaluationError, ModelError, StyleImageError, WeightsUnavailableError, MediaError, BadFramesError, OSError)
# Shorter side of the style where neither the model nor the caller tells it.
STYLE_SIZE = 600


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        result = evaluate(options)
    except EXPECTED as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(result, indent=1))
    return 0


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """What the command line asks for: the result as JSON; files in `--out` if given, else the table on stdout.

    Raises: those of EXPECTED.
    """
    given = [name for name in (options.model, options.against) if name]
    size = options.style_size or style_size_of(options.model)
    style = read_style_image(options.style.read_bytes(), options.style.name, size)
    appearance = Appearance(open_extractor(options.features, options.weights), style)
    clips = [find_clip(path, options.frames, options.longer_side) for path in options.clips]
    models = [Model(label_of(name), open_scorer(name), steadiness=options.steadiness) for name in given]
    judgement = judge(models, clips, appearance)
    result = {
        "style": options.style.name,
        "style_size": size,
        "features": options.features,
        "steadiness": options.steadiness,
        "models": [model.as_json() for model in judgement.models],
    }
    if not options.json:
        print(table(judgement.models))
    if options.out:
        write(result, judgement, title_of(options.style), style, options.out)
    return result


def write(result: dict[str, Any], judgement: Judgement, title: str, style: NDArray[np.uint8], folder: Path) -> None:
    """`evaluation.json` and `sheet.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(result, indent=1) + "\n")
    judgement.sheet(title, style).draw().save(folder / "sheet.png")


def open_scorer(model: str) -> StyleTransfer:
    """`model` is a file of weights, or a built-in style's name.

    Raises:
        ModelError
        OSError
    """
    if model in BUILTIN_STYLES:
        network = open_network(ModelRef(name=model, sha256=None, builtin=True))
    else:
        network = _network_of(Path(model))
    return StyleTransfer(network, ScorerOptions(), best_device())


def _network_of(path: Path) -> StyleNetwork:
    if not path.exists():
        known = ", ".join(BUILTIN_STYLES)
        raise FileNotFoundError(f"model {str(path)!r}: no such file, and not a built-in style; those are: {known}")
    try:
        return read_weights(path)
    except (SafetensorError, RuntimeError) as error:
        raise ModelFormatError(f"model {path.name!r}: not weights of the style network ({error})") from error


def style_size_of(model: str) -> int:
    """The size of the style that the model was fitted to, if its file tells."""
    path = style_path(model) if model in BUILTIN_STYLES else Path(model)
    if not path.exists():
        return STYLE_SIZE  # opening it says what is wrong
    try:
        return int(read_notes(path).get("style_size", STYLE_SIZE))
    except SafetensorError as error:
        raise ModelFormatError(f"model {path.name!r}: not a safetensors file ({error})") from error


def label_of(model: str) -> str:
    return model if model in BUILTIN_STYLES else Path(model).stem


def title_of(style: Path) -> str:
    """A title for people from a file's name: `great_wave.jpg` is "Great wave"."""
    words = re.sub(r"[-_\s]+", " ", style.stem).strip()
    return words[:1].upper() + words[1:]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gpu_task evaluate", description=__doc__)
    parser.add_argument("model", help="a .safetensors file or a built-in style's name")
    parser.add_argument("--style", type=Path, required=True, help="the painting that the model was fitted to")
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="videos to judge it on")
    parser.add_argument("--against", metavar="OTHER", help="another model, measured and shown beside it")
    parser.add_argument("--features", choices=sorted(LAYERS), default="squeezenet", help="extractor of the losses")
    parser.add_argument("--weights", type=Path, help="file or folder of the extractor's weights")
    parser.add_argument("--frames", type=_at_least_2, default=24, help="of each clip, from its middle (default: 24)")
    parser.add_argument("--longer-side", type=_at_least_2, default=640, help="pixels (default: 640)")
    parser.add_argument("--style-size", type=int, help="shorter side of the style, pixels (default: the model's)")
    parser.add_argument("--steadiness", type=float, default=1.0, help="0 to 1, as in a job's options (default: 1)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    parser.add_argument("--out", type=Path, help="folder for evaluation.json and the contact sheet, sheet.png")
    parser.add_argument("--json", action="store_true", help="print the result as JSON in place of the table")
    return parser


def _at_least_2(text: str) -> int:
    if (value := int(text)) < 2:
        raise argparse.ArgumentTypeError(f"{value} is too few; give at least 2")
    return value


if __name__ == "__main__":
    sys.exit(main())
