"""Writes the layers of the pretrained extractors that fitting uses as float16 safetensors, for nodes without internet:
a few megabytes in place of torchvision's files, which hold the classifiers too.

Then name the folder in ATELIER_FEATURES, or have the image carry it as gpu_task/features_weights/.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torchvision
from safetensors.torch import save

from gpu_task.features import PRETRAINED, PretrainedNetwork, first_layers
from gpu_task.features_files import PREFIX, FoundWeights, WeightsUnavailableError, read_source
from gpu_task.recipes import RECIPES
from gpu_task.weights import canonical


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.source and len(options.features) > 1:
        parser.error("--from is one extractor's file: say which with --features")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for name in options.features:
            path = options.out / f"{name}.safetensors"
            size = export(PRETRAINED[name], path, options.source)
            print(f"{path}: {size / 1e6:.1f} MB")
    except (WeightsUnavailableError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def export(network: PretrainedNetwork, path: Path, source: Path | None = None) -> int:
    """Writes the layers that recipes use, and returns the file's size in bytes. The same source gives the same bytes.

    Rounding the weights to float16 changes a loss by less than 1 in 1,000 (at most 0.6, SqueezeNet on photographs).

    Raises:
        WeightsUnavailableError: `source`, or else torchvision's own file, cannot be had or is not of this network.
    """
    last = last_layer(network.name)
    found = read_source(network.name, network.weights, first_layers(network, last).state_dict(), source)
    tensors = {PREFIX + name: value.to(torch.float16).contiguous() for name, value in found.tensors.items()}
    path.write_bytes(canonical(save(tensors, dict(_about(network, last, found)))))
    return path.stat().st_size


def last_layer(name: str) -> int:
    """The deepest layer that a recipe with this extractor looks at."""
    return max(
        max(*recipe.style_layers, recipe.content_layer) for recipe in RECIPES.values() if recipe.features == name
    )


def _about(network: PretrainedNetwork, last: int, found: FoundWeights) -> Mapping[str, str]:
    return {
        "features": network.name,
        "layers": f"0..{last}",
        "source": Path(found.origin).name,
        "source_sha256": found.sha256,
        "torchvision": torchvision.__version__,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gpu_task export-features",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = list(PRETRAINED)
    parser.add_argument("--features", nargs="+", choices=names, default=names, help=f"default: {' '.join(names)}")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write NAME.safetensors")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="the network's weights as safetensors or as torch saved them (default: torchvision's, from its cache or "
        "downloaded)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
