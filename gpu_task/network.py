"""The style network: feed-forward, 275 k parameters, one pass per frame.

Johnson et al. (2016) with instance norm (Ulyanov et al., 2017), made small: most of its work is at a quarter of the
frame's resolution. It upsamples bilinearly before each convolution: pixel-shuffle leaves a checkerboard, and nearest
neighbour lets the network paint a grating that stays on the pixel grid when the picture moves (8 of 255 on a pan).

It sees whole frames only: instance norm takes its statistics from all of a frame, and from nothing else, so a frame
comes out the same whichever batch or chunk it is in.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

# Half, quarter and full resolution: (32, 64, 16) gives 275 k parameters, 553 KB as fp16.
HALF, QUARTER, FULL = 32, 64, 16
RESIDUAL_BLOCKS = 3
MULTIPLE = 4  # two halvings

type Padding = Literal["reflect", "replicate"]


class ConvNorm(nn.Module):
    """Convolution with padding, then instance norm: [B, in, H, W] -> [B, out, H / stride, W / stride]."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: Padding = "reflect") -> None:
        super().__init__()
        # The norm subtracts the mean, so a bias here would do nothing.
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, padding_mode=padding, bias=False)
        self.norm = nn.InstanceNorm2d(outputs, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Residual(nn.Module):
    """[B, C, H, W] -> [B, C, H, W]"""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels, 3)
        self.second = ConvNorm(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.relu(self.first(x)))


class StyleNetwork(nn.Module):
    """RGB in [0, 1] to RGB in [0, 1]: [B, 3, H, W] -> [B, 3, H, W], any H and W from 16 up."""

    def __init__(self) -> None:
        super().__init__()
        self.to_half = ConvNorm(12, HALF, 5)
        self.to_quarter = ConvNorm(HALF, QUARTER, 3, stride=2)
        self.residuals = nn.Sequential(*(Residual(QUARTER) for _ in range(RESIDUAL_BLOCKS)))
        # Doubling repeats the edge; so does the padding, and gpu_task/fast_network.py can do both at once.
        self.up_half = ConvNorm(QUARTER, HALF, 3, padding="replicate")
        self.up_full = ConvNorm(HALF, FULL, 3, padding="replicate")
        self.to_rgb = nn.Conv2d(FULL, 3, 5, padding=2, padding_mode="reflect")
        # Starts near mid grey, where the sigmoid's gradient is largest.
        nn.init.normal_(self.to_rgb.weight, std=0.02)
        nn.init.constant_(self.to_rgb.get_parameter("bias"), 0)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = pad_to_multiple((x - 0.5) * 4)  # [B, 3, H', W'], multiples of 4
        x = functional.pixel_unshuffle(x, 2)  # [B, 12, H'/2, W'/2]
        x = functional.relu(self.to_half(x))  # [B, 32, H'/2, W'/2]
        x = functional.relu(self.to_quarter(x))  # [B, 64, H'/4, W'/4]
        x = self.residuals(x)  # [B, 64, H'/4, W'/4]
        x = functional.relu(self.up_half(_double(x)))  # [B, 32, H'/2, W'/2]
        x = functional.relu(self.up_full(_double(x)))  # [B, 16, H', W']
        x = torch.sigmoid(self.to_rgb(x))  # [B, 3, H', W']
        return x[..., :height, :width]


def pad_to_multiple(x: Tensor) -> Tensor:
    """Mirrors the right and bottom edges until both sides divide by 4."""
    height, width = x.shape[-2:]
    return functional.pad(x, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="reflect")


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
