"""Fits the style network to one style image, on frames of the video that it will be used on.

No external data: a feed-forward network of this size learns a style from a handful of frames (see docs of the recipe
table for constants). The loop is Johnson et al. (2016) plus a consistency loss, which is always on.
"""

import logging
import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from gpu_task.failures import HopelessError
from gpu_task.losses import Objective, inconsistency, total_variation
from gpu_task.network import StyleNetwork
from gpu_task.precision import fit_autocast
from gpu_task.recipes import Recipe
from gpu_task.starting import Start, choose_start

log = logging.getLogger(__name__)

WARM_UP_STEPS = 15
FIRST_STEPS = 10  # before the pace of a fit is known
FINAL_RATE = 0.03  # of the learning rate
GRADIENT_CLIP = 5.0
CONSISTENCY_RAMP = 0.4  # of the steps, until the consistency loss has its full weight
MAX_SHIFT = 4  # pixels between the two views of the consistency loss
START_SQUARES = 3  # to choose what a fit begins from: starts differ by a quarter and more, squares by less
NOISE = 0.05  # largest standard deviation of the first view's noise: a grainy sensor in poor light


class FitDivergedError(HopelessError):
    """A loss became infinite or not a number."""


@dataclass(frozen=True)
class StepReport:
    """One line of a fit's log: step done, and the losses there, unweighted."""

    step: int
    style: float
    content: float
    consistency: float
    seconds: float


def fit(
    frames: Sequence[NDArray[np.uint8]],
    objective: Objective,
    recipe: Recipe,
    device: torch.device,
    on_step: Callable[[StepReport], None] | None = None,
    start: StyleNetwork | None = None,
    max_seconds: float = math.inf,
) -> StyleNetwork:
    """Trains a network on `frames` (each [H, W, 3]) for `recipe.steps` steps and returns it in eval mode.

    `start` is fitted further in place of what the recipe begins from. The same frames, recipe, kind of machine and
    torch version give the same weights, unless `max_seconds` would come first: then it does fewer steps, and its
    learning rate falls sooner, so that what it has at the end is finished too.

    Raises:
        ValueError: no frames.
        FitDivergedError: the losses are no longer finite.
    """
    if not frames:
        raise ValueError("frames: none given, a style is fitted on at least one")
    began = time.perf_counter()
    network = (start or find_start(frames, objective, recipe, device).network).to(device).train()
    torch.manual_seed(recipe.seed)
    random = torch.Generator().manual_seed(recipe.seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.99))
    tensors = [to_tensor(frame) for frame in frames]
    for step in range(1, recipe.steps + 1):
        done = part_done(step - 1, recipe.steps, (time.perf_counter() - began) / max_seconds)
        if done >= 1:
            log.warning(
                "%.0f seconds are over after %d of %d steps: the fit ends here", max_seconds, step - 1, recipe.steps
            )
            break
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * learning_rate_factor(step, done)
        view = draw_squares(tensors, recipe, random).to(device)
        style, content, calm, smooth = _losses(network, objective, view, recipe, random)
        calming = recipe.consistency * consistency_ramp(done)
        loss = style + recipe.content * content + calming * calm + recipe.variation * smooth
        if not torch.isfinite(loss):
            raise FitDivergedError(f"step {step} of {recipe.steps}: the loss is {loss.item()}")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_CLIP)
        optimizer.step()
        if on_step:
            on_step(StepReport(step, style.item(), content.item(), calm.item(), time.perf_counter() - began))
    return network.eval()


def find_start(
    frames: Sequence[NDArray[np.uint8]],
    objective: Objective,
    recipe: Recipe,
    device: torch.device,
    without: Collection[str] = (),
) -> Start:
    """What a fit to `objective` begins from by the recipe; built-in styles in `without` are not considered.

    The same frames, recipe and kind of machine give the same start.

    Raises:
        ValueError: no frames, or no style is left to be considered.
    """
    if not frames:
        raise ValueError("frames: none given, a style is fitted on at least one")
    torch.manual_seed(recipe.seed)
    random = torch.Generator().manual_seed(recipe.seed)
    tensors = [to_tensor(frame) for frame in frames]
    squares = [draw_squares(tensors, recipe, random).to(device) for _ in range(START_SQUARES)]
    size = recipe.crop
    return choose_start(recipe, objective, [square[..., :size, :size] for square in squares], without)


def _losses(
    network: StyleNetwork, objective: Objective, view: Tensor, recipe: Recipe, random: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Style, content, consistency and total variation for squares with a rim of MAX_SHIFT: [B, 3, S + 4, S + 4]."""
    size = recipe.crop
    rows, columns = torch.randint(MAX_SHIFT + 1, (2,), generator=random).tolist()
    source = view[..., :size, :size]  # [B, 3, S, S]
    moved = view[..., rows : rows + size, columns : columns + size]  # [B, 3, S, S]
    grain = torch.randn(source.shape, generator=random) * (NOISE * torch.rand((), generator=random))
    with fit_autocast(source.device):
        output = network(source + grain.to(source.device)).float()
    # The clean view is the target, so only the noisy one costs a backward pass: a fifth less time per step.
    with fit_autocast(source.device), torch.no_grad():
        calm_output = network(moved).float()
    parts = objective(output, source)
    return parts.style, parts.content, inconsistency(output, calm_output, (rows, columns)), total_variation(output)


def part_done(steps_done: int, steps: int, of_time: float) -> float:
    """How much of the fit is over: by steps, or by time where that will be up first.

    The first steps are slow, and say little of how long the others will take.
    """
    by_steps = steps_done / steps
    return max(by_steps, of_time) if steps_done >= FIRST_STEPS or of_time >= 1 else by_steps


def learning_rate_factor(step: int, done: float) -> float:
    """Linear warm-up over the first steps, then a cosine down to FINAL_RATE; `done` is the part of the fit so far."""
    cosine = 0.5 * (1 + math.cos(math.pi * done))
    return min(1.0, step / WARM_UP_STEPS) * (FINAL_RATE + (1 - FINAL_RATE) * cosine)


def consistency_ramp(done: float) -> float:
    """0 to 1 over the first part of a fit: asked to be calm before it can paint, a network settles on plain grey."""
    return min(1.0, done / CONSISTENCY_RAMP)


def draw_squares(frames: Sequence[Tensor], recipe: Recipe, random: torch.Generator) -> Tensor:
    """Random squares of random frames, zoomed, mirrored and re-exposed: [batch, 3, crop + 4, crop + 4]."""
    return torch.cat([_draw_square(frames, recipe, random) for _ in range(recipe.batch)])


def _draw_square(frames: Sequence[Tensor], recipe: Recipe, random: torch.Generator) -> Tensor:
    frame = frames[int(torch.randint(len(frames), (), generator=random))]
    low, high = recipe.zoom
    zoom = low * (high / low) ** torch.rand((), generator=random).item()
    size = recipe.crop + MAX_SHIFT
    taken = min(round(size / zoom), *frame.shape[-2:])  # of the frame, before zooming
    top = int(torch.randint(frame.shape[-2] - taken + 1, (), generator=random))
    left = int(torch.randint(frame.shape[-1] - taken + 1, (), generator=random))
    square = frame[..., top : top + taken, left : left + taken]
    square = functional.interpolate(square, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    if torch.rand((), generator=random) < 0.5:
        square = square.flip(-1)
    gain, offset = torch.rand(2, generator=random).tolist()
    return ((square - 0.5) * (0.7 + 0.5 * gain) + 0.5 + 0.2 * (offset - 0.5)).clamp(0, 1)


def to_tensor(frame: NDArray[np.uint8]) -> Tensor:
    """[H, W, 3] uint8 -> [1, 3, H, W] float in [0, 1]."""
    return torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].float() / 255
