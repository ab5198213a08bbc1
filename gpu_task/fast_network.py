"""The style network arranged for speed: the same function, from the same weights.

It never makes a picture of more than half resolution. What the network does at full resolution on 16 channels is done
here at half resolution on 64: the four pixels of every 2x2 block, its phases, lie in channels.

- Doubling bilinearly and then convolving is one linear map: four 3x3 convolutions of the small picture, one per phase.
- The last convolution, 5x5 from 16 channels to RGB, becomes 3x3 from 64 channels to the 12 numbers of a block.
- Frames come in as bytes. Half a byte from the middle they are whole numbers of at most 128, exact in bfloat16; the
  factor goes into the first weights, and the offset vanishes in the norm, which subtracts the mean.

Channels are ordered (phase row, phase column, channel) and lie last in memory, so phases move in runs of 16 channels or
more. On one AVX512-BF16 core a 640x360 frame takes 83 ms in place of 140, with a mean difference to float32 of 0.09 of
255 in place of 0.33.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from gpu_task.frame_norm import FrameNorm
from gpu_task.network import MULTIPLE, ConvNorm, Residual, StyleNetwork

MIDDLE = 128  # what is taken from bytes: 127.5 would be in the middle, but is no whole number
# A pixel after doubling is 3/4 of the pixel that it lies in and 1/4 of its neighbour on that side. Row: pixel of the
# small picture (before, same, after); column: tap of the convolution; for the first and the second phase.
DOUBLING = (
    ((0.75, 0.25, 0.0), (0.25, 0.75, 0.75), (0.0, 0.0, 0.25)),
    ((0.25, 0.0, 0.0), (0.75, 0.75, 0.25), (0.0, 0.25, 0.75)),
)


class FastStyleNetwork(nn.Module):
    """Bytes to painted pixels: uint8 [B, H, W, 3] -> float32 [B, H, W, 3] in 0..255, any H and W from 16 up."""

    def __init__(self, network: StyleNetwork, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        first = _from_blocks(_weight(network.to_half)) * (4 / 255)
        self.to_half = _Layer(first, network.to_half, dtype)
        self.to_quarter = _Layer(_weight(network.to_quarter), network.to_quarter, dtype, stride=2)
        self.residuals = nn.Sequential(*(_Residual(block, dtype) for block in network.residuals))
        self.up_half = _Doubling(network.up_half, dtype)
        self.up_full = _Doubling(network.up_full, dtype)
        rgb = to_phases(network.to_rgb.weight.detach().float())
        self.register_buffer("rgb_weight", _laid_out(rgb, dtype))
        self.register_buffer("rgb_bias", network.to_rgb.get_parameter("bias").detach().float().clone())

    def forward(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[1:3]
        x = (frames.to(self.dtype) - MIDDLE).permute(0, 3, 1, 2)  # [B, 3, H, W]
        if height % MULTIPLE or width % MULTIPLE:
            x = functional.pad(x, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="reflect")
        x = split(x)  # [B, 12, H'/2, W'/2]
        x = functional.relu(self.to_half(x))  # [B, 32, H'/2, W'/2]
        x = functional.relu(self.to_quarter(x))  # [B, 64, H'/4, W'/4]
        x = self.residuals(x)  # [B, 64, H'/4, W'/4]
        x = join(functional.relu(self.up_half(x)))  # [B, 32, H'/2, W'/2]
        x = functional.relu(self.up_full(x))  # [B, 64, H'/2, W'/2]: 4 phases of 16
        x = split(functional.pad(join(x), (2, 2, 2, 2), mode="reflect"))  # [B, 64, H'/2 + 2, W'/2 + 2]
        x = join(functional.conv2d(x, self.get_buffer("rgb_weight")))  # [B, 3, H', W']
        x = x[..., :height, :width].permute(0, 2, 3, 1).float()
        return torch.sigmoid(x + self.get_buffer("rgb_bias")) * 255


class _Layer(nn.Module):
    """Reflect padding, convolution and norm of a `ConvNorm`, with these weights in place of its own."""

    def __init__(self, weight: Tensor, layer: ConvNorm, dtype: torch.dtype, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.padding = stride, (weight.shape[-1] // 2,) * 4
        self.register_buffer("weight", _laid_out(weight, dtype))
        self.norm = FrameNorm(layer.norm)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, self.padding, mode="reflect")
        return self.norm(functional.conv2d(x, self.get_buffer("weight"), stride=self.stride))


class _Residual(nn.Module):
    """[B, C, H, W] -> [B, C, H, W]"""

    def __init__(self, block: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        assert isinstance(block, Residual)
        self.first = _Layer(_weight(block.first), block.first, dtype)
        self.second = _Layer(_weight(block.second), block.second, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.relu(self.first(x)))


class _Doubling(nn.Module):
    """Doubling, padding, convolution and norm at once: [B, in, H, W] -> [B, 4 out, H, W], by phases."""

    def __init__(self, layer: ConvNorm, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("weight", _laid_out(doubling(_weight(layer)), dtype))
        self.norm = FrameNorm(layer.norm)

    def forward(self, x: Tensor) -> Tensor:
        # The first pixel doubled is two of it, and one more when the edge is repeated: the same as to repeat it first.
        x = functional.pad(x, (1, 1, 1, 1), mode="replicate")
        x = functional.conv2d(x, self.get_buffer("weight"))
        # Statistics are of all phases of a channel: side by side, [B, out, H, 4 W]; nothing moves in memory.
        batch, channels, height, width = x.shape
        x = x.permute(0, 2, 3, 1).reshape(batch, height, 4 * width, channels // 4).permute(0, 3, 1, 2)
        return self.norm(x).permute(0, 2, 3, 1).reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def split(x: Tensor) -> Tensor:
    """2x2 blocks to channels: [B, C, 2 H, 2 W] -> [B, 4 C, H, W], channels last in memory."""
    batch, channels, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(batch, height // 2, 2, width // 2, 2, channels).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(batch, height // 2, width // 2, 4 * channels).permute(0, 3, 1, 2)


def join(x: Tensor) -> Tensor:
    """The inverse of `split`."""
    batch, channels, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(batch, height, width, 2, 2, channels // 4).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)


def doubling(weight: Tensor) -> Tensor:
    """Of a convolution after bilinear doubling, the one that does both: [out, in, 3, 3] -> [4 out, in, 3, 3]."""
    taps = torch.tensor(DOUBLING)  # [phase, pixel, tap]
    both = torch.einsum("pak,qbl,oikl->pqoiab", taps, taps, weight)
    return both.reshape(-1, *weight.shape[1:])


def to_phases(weight: Tensor) -> Tensor:
    """Of a 5x5 convolution, the 3x3 one between phases: [out, in, 5, 5] -> [4 out, 4 in, 3, 3]."""
    outputs, inputs = weight.shape[:2]
    phases = weight.new_zeros(2, 2, outputs, 2, 2, inputs, 3, 3)
    for row in (0, 1):
        for column in (0, 1):
            for y in range(5):
                for x in range(5):
                    (down, to_row), (right, to_column) = divmod(row + y - 2, 2), divmod(column + x - 2, 2)
                    phases[row, column, :, to_row, to_column, :, down + 1, right + 1] = weight[:, :, y, x]
    return phases.reshape(4 * outputs, 4 * inputs, 3, 3)


def _from_blocks(weight: Tensor) -> Tensor:
    """The same for inputs by (phase row, phase column, channel) as for `pixel_unshuffle`'s (channel, row, column)."""
    return weight.unflatten(1, (-1, 2, 2)).permute(0, 2, 3, 1, 4, 5).flatten(1, 3)


def _weight(layer: ConvNorm) -> Tensor:
    return layer.conv.weight.detach().float()


def _laid_out(weight: Tensor, dtype: torch.dtype) -> Tensor:
    return weight.to(dtype).contiguous(memory_format=torch.channels_last)
