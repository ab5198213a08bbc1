"""The network to be measured against: Johnson et al. (2016) with instance norm (Ulyanov et al., 2017).

Written from the papers and the description of the well-known PyTorch example, fast neural style: 9x9 convolution to 32
channels, two of stride 2 to 64 and 128, five residual blocks of 128, two convolutions after nearest-neighbour doubling,
9x9 convolution to RGB; reflection padding, affine instance norm. 1.68 million parameters.

Its output is linear, as there: nothing squashes it. It is clamped when it paints, not while it is fitted. Where there
RGB goes from 0 to 255, here an output of 0 is mid grey and a difference of 4 the whole range: the same functions can be
had, and a fit of minutes begins near pictures, not 127 units below them.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from gpu_task.evaluation.extractors import Extractor
from gpu_task.losses import Objective, gram, relative_error, total_variation
from gpu_task.precision import fit_autocast
from gpu_task.recipes import Recipe
from gpu_task.training import GRADIENT_CLIP, draw_squares, learning_rate_factor, to_tensor

CHANNELS = (32, 64, 128)
RESIDUAL_BLOCKS = 5
MULTIPLE = 4
OUTPUT_RANGE = 4.0


class Convolution(nn.Conv2d):
    """With reflection padding: [B, in, H, W] -> [B, out, H / stride, W / stride]."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, kernel // 2, padding_mode="reflect")


class ResidualBlock(nn.Module):
    """[B, C, H, W] -> [B, C, H, W]"""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            Convolution(channels, channels, 3),
            nn.InstanceNorm2d(channels, affine=True),
            nn.ReLU(),
            Convolution(channels, channels, 3),
            nn.InstanceNorm2d(channels, affine=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class JohnsonNetwork(nn.Module):
    """RGB in [0, 1] to RGB, [B, 3, H, W] -> [B, 3, H, W]; clamped to [0, 1] in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        narrow, middle, wide = CHANNELS
        self.layers = nn.Sequential(
            *_normed(Convolution(3, narrow, 9)),
            *_normed(Convolution(narrow, middle, 3, stride=2)),
            *_normed(Convolution(middle, wide, 3, stride=2)),
            *(ResidualBlock(wide) for _ in range(RESIDUAL_BLOCKS)),
            nn.Upsample(scale_factor=2, mode="nearest"),
            *_normed(Convolution(wide, middle, 3)),
            nn.Upsample(scale_factor=2, mode="nearest"),
            *_normed(Convolution(middle, narrow, 3)),
            Convolution(narrow, 3, 9),
        )

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = functional.pad(x, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="reflect")
        x = self.layers((x - 0.5) * OUTPUT_RANGE) / OUTPUT_RANGE + 0.5  # [B, 3, H', W'], multiples of 4
        x = x[..., :height, :width]
        return x if self.training else x.clamp(0, 1)


def _normed(convolution: Convolution) -> tuple[nn.Module, ...]:
    return convolution, nn.InstanceNorm2d(convolution.out_channels, affine=True), nn.ReLU()


class FitObjective(Protocol):
    """Style loss and content loss of `output` [B, 3, H, W], to be weighed against each other."""

    def __call__(self, output: Tensor, source: Tensor) -> tuple[Tensor, Tensor]: ...


class ClassicObjective:
    """Gram matrices and activations, as `gpu_task.evaluation.appearance` measures them, and nothing else."""

    def __init__(self, extractor: Extractor, style: NDArray[np.uint8]) -> None:
        self._extractor = extractor
        found = extractor.activations(to_tensor(style))
        self._wanted = {layer: gram(found[layer]) for layer in extractor.style_layers}

    def __call__(self, output: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Style loss and content loss."""
        with fit_autocast(source.device), torch.no_grad():
            wanted = self._extractor.activations(source)[self._extractor.content_layer]
        with fit_autocast(output.device):
            found = self._extractor.activations(output)
        styles = [relative_error(gram(found[layer]), target) for layer, target in self._wanted.items()]
        return torch.stack(styles).mean(), relative_error(found[self._extractor.content_layer].float(), wanted.float())


class OurObjective:
    """What our networks are fitted to, but for calm: Gram matrices at several sizes, palette, content, tones."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective

    def __call__(self, output: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        parts = self._objective(output, source)
        return parts.style, parts.content


@dataclass(frozen=True)
class ClassicFit:
    """How a network is fitted frame by frame. `content` and `variation` are weights against a style weight of 1; what
    else matters (squares, batch, augmentation) is the recipe's, as for our network."""

    seconds: float
    content: float
    learning_rate: float = 1e-3
    variation: float = 0.02
    steps: int = 1_000_000


class OnStep(Protocol):
    def __call__(self, step: int, style: float, content: float, seconds: float) -> None: ...


def fit_classic(
    frames: Sequence[NDArray[np.uint8]],
    objective: FitObjective,
    recipe: Recipe,
    terms: ClassicFit,
    device: torch.device,
    on_step: OnStep | None = None,
    start: JohnsonNetwork | None = None,
) -> tuple[JohnsonNetwork, int]:
    """Johnson's network after `terms.seconds`, in eval mode, and the steps it had. The learning rate warms up and falls
    as ours does, and bfloat16 is used where ours uses it: what is compared is the network and what it is asked for.
    `start` is fitted further in place of random weights."""
    torch.manual_seed(recipe.seed)
    random = torch.Generator().manual_seed(recipe.seed)
    network = (start or JohnsonNetwork()).to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=terms.learning_rate)
    tensors = [to_tensor(frame) for frame in frames]
    began, step = time.perf_counter(), 0
    while (done := max((time.perf_counter() - began) / terms.seconds, step / terms.steps)) < 1:
        step += 1
        for group in optimizer.param_groups:
            group["lr"] = terms.learning_rate * learning_rate_factor(step, done)
        source = draw_squares(tensors, recipe, random).to(device)[..., : recipe.crop, : recipe.crop]
        with fit_autocast(device):
            output = network(source).float()
        style, content = objective(output, source)
        loss = style + terms.content * content + terms.variation * total_variation(output)
        if not math.isfinite(loss.item()):
            raise ArithmeticError(f"step {step}: the loss is {loss.item()}")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_CLIP)
        optimizer.step()
        if on_step:
            on_step(step, style.item(), content.item(), time.perf_counter() - began)
    return network.eval(), step
