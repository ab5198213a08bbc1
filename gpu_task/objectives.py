"""The objective that a recipe names, for one style image."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gpu_task.features import SqueezeNetFeatures
from gpu_task.losses import STYLE_LAYERS, Objective, PerceptualObjective
from gpu_task.patches import PatchObjective
from gpu_task.recipes import Recipe
from gpu_task.training import to_tensor

# A safetensors file of SqueezeNet 1.0's ImageNet weights, for nodes that cannot reach torchvision's.
WEIGHTS_VARIABLE = "ATELIER_SQUEEZENET_WEIGHTS"


def make_objective(
    recipe: Recipe,
    style: NDArray[np.uint8],
    frames: Sequence[NDArray[np.uint8]],
    device: torch.device,
    weights: Path | None = None,
) -> Objective:
    """`style` is RGB [H, W, 3] at the recipe's size, `frames` those of the fit; `weights` None: the file that the
    environment names, else torchvision's own.

    Raises:
        WeightsUnavailableError: the pretrained extractor cannot be had.
    """
    image = to_tensor(style).to(device)
    if recipe.features == "patches":
        return PatchObjective(image, [to_tensor(frame).to(device) for frame in frames], recipe.seed)
    if weights is None and (named := os.environ.get(WEIGHTS_VARIABLE)):
        weights = Path(named)
    features = SqueezeNetFeatures(STYLE_LAYERS, weights).to(device)
    return PerceptualObjective(features, image, recipe.content_layer, recipe.palette)
