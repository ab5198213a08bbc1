"""What a fit begins from: random weights, the network of a built-in style, or of the one nearest to the new style."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from contracts.styles import BUILTIN_STYLES
from gpu_task.losses import Objective
from gpu_task.model_files import style_path
from gpu_task.network import StyleNetwork
from gpu_task.precision import fit_autocast
from gpu_task.recipes import NEAREST, Recipe
from gpu_task.weights import read_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """A network to begin from; `name` is of the built-in style that it is of, None for random weights."""

    name: str | None
    network: StyleNetwork


def choose_start(
    recipe: Recipe, objective: Objective, squares: Sequence[Tensor], without: Collection[str] = ()
) -> Start:
    """What `recipe.start` says; the nearest style is the one whose network has the lowest loss on `squares`, each
    [B, 3, S, S], before anything is fitted. Built-in styles in `without` are not considered.

    Raises:
        ValueError: none is left to be considered.
    """
    if recipe.start is None:
        return Start(None, StyleNetwork())
    if recipe.start != NEAREST:
        return Start(recipe.start, read_weights(style_path(recipe.start)))
    names = [name for name in BUILTIN_STYLES if name not in without]
    if not names:
        raise ValueError(f"start: no built-in style is left, without {', '.join(sorted(without))}")
    found = {name: Start(name, read_weights(style_path(name))) for name in names}
    losses = {name: _loss(start.network, recipe, objective, squares) for name, start in found.items()}
    best = min(losses, key=losses.__getitem__)
    log.info("begins from %s: %s", best, ", ".join(f"{name} {loss:.2f}" for name, loss in losses.items()))
    return found[best]


@torch.no_grad()
def _loss(network: StyleNetwork, recipe: Recipe, objective: Objective, squares: Sequence[Tensor]) -> float:
    total = 0.0
    for square in squares:
        with fit_autocast(square.device):
            output = network.to(square.device)(square).float()
        parts = objective(output, square)
        total += (parts.style + recipe.content * parts.content).item()
    return total / len(squares)
