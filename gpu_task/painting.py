"""From frames as FFmpeg has them to frames as FFmpeg wants them, by any network: bytes in, bytes out, on one device."""

import copy

import torch
from torch import Tensor, nn

from contracts.task_spec import ScorerOptions
from gpu_task.color import LUMA
from gpu_task.fast_network import FastStyleNetwork
from gpu_task.frame_norm import FrameNorm
from gpu_task.network import StyleNetwork


class Painting(nn.Module):
    """uint8 [B, H, W, 3] -> uint8 [B, H, W, 3]. `mix` [3, 3] says how much of the difference that the network makes is
    taken, from which channel to which; without one all of it, at no cost."""

    def __init__(self, paint: nn.Module) -> None:
        super().__init__()
        self.paint = paint

    def forward(self, frames: Tensor, mix: Tensor | None = None) -> Tensor:
        painted = self.paint(frames)  # [B, H, W, 3] in 0..255
        if mix is not None:
            source = frames.float()
            red, green, blue = (painted - source).split(1, dim=3)
            painted = source + red * mix[0] + green * mix[1] + blue * mix[2]
        return (painted + 0.5).clamp(0, 255).to(torch.uint8)


class RgbNetwork(nn.Module):
    """A network from RGB in [0, 1] to RGB in [0, 1], [B, 3, H, W] each, run in `dtype` on channels last."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.network = _converted(copy.deepcopy(network), dtype)

    def forward(self, frames: Tensor) -> Tensor:
        x = (frames.float() / 255).to(self.dtype).permute(0, 3, 1, 2)  # [B, 3, H, W]
        return self.network(x).permute(0, 2, 3, 1).float() * 255


def make_painting(network: nn.Module, dtype: torch.dtype, device: torch.device) -> Painting:
    """`network`, whose weights stay as they are, ready to paint with a copy of them."""
    paint = FastStyleNetwork(network, dtype) if isinstance(network, StyleNetwork) else RgbNetwork(network, dtype)
    return Painting(paint).to(device).eval().requires_grad_(False)


def mix_of(options: ScorerOptions, device: torch.device | None = None) -> Tensor | None:
    """What `strength` and `keep_color` come to, [3, 3]; None where the network's frame is wanted as it is."""
    if options.strength == 1 and not options.keep_color:
        return None
    taken = torch.eye(3)
    if options.keep_color:
        # One amount added to all three channels changes luma by that amount and leaves chroma alone.
        taken = torch.tensor(LUMA, dtype=torch.float32)[:, None].repeat(1, 3)
    return (options.strength * taken).to(device)


def _converted(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """In place: weights to `dtype`, all but those of norms, which take each frame's statistics in float32."""
    for name, child in module.named_children():
        if isinstance(child, nn.InstanceNorm2d) and not child.track_running_stats:
            setattr(module, name, FrameNorm(child))
        else:
            _converted(child, dtype)
    for name, value in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
        if value.is_floating_point():
            layout = torch.channels_last if value.dim() == 4 else torch.preserve_format
            converted = value.detach().to(dtype, memory_format=layout)
            setattr(module, name, nn.Parameter(converted) if isinstance(value, nn.Parameter) else converted)
    return module
