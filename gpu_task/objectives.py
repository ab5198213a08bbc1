"""The objective that a recipe names, for one style image."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gpu_task.features import PRETRAINED, Features
from gpu_task.losses import Objective, PerceptualObjective
from gpu_task.patches import PatchObjective
from gpu_task.recipes import Recipe
from gpu_task.training import to_tensor


def make_objective(
    recipe: Recipe,
    style: NDArray[np.uint8],
    frames: Sequence[NDArray[np.uint8]],
    device: torch.device,
    weights: Path | None = None,
) -> Objective:
    """`style` is RGB [H, W, 3] at the recipe's size, `frames` those of the fit; `weights` names a file of the extractor
    where it is not to be looked for.

    Raises:
        WeightsUnavailableError: the pretrained extractor cannot be had.
    """
    image = to_tensor(style).to(device)
    if recipe.features == "patches":
        return PatchObjective(image, [to_tensor(frame).to(device) for frame in frames], recipe.seed)
    layers = (*recipe.style_layers, recipe.content_layer)
    features = Features(PRETRAINED[recipe.features], layers, weights).to(device)
    return PerceptualObjective(
        features, image, recipe.style_layers, recipe.content_layer, recipe.palette, recipe.scales
    )


def hashes(painting: bytes, objective: Objective) -> dict[str, str]:
    """Of what a style was fitted to: the painting's file, and that of the extractor's weights (empty without any)."""
    features = objective.features.sha256 if isinstance(objective, PerceptualObjective) else ""
    return {"style_sha256": hashlib.sha256(painting).hexdigest(), "features_sha256": features}
