"""Instance norm that takes channels last as they lie, with its statistics in float32.

PyTorch's own copies such a tensor into another order and back, and in 16 bits rounds weights that are used in float32
here: of a network's time on a CPU that is a fifth.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def frame_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """[B, C, H, W] of any float type, normed by frame and channel, in the same type; weight and bias float32 [C]."""
    if x.device.type == "cpu" and not torch.compiler.is_compiling():
        return functional.group_norm(x, x.shape[1], weight, bias, eps)  # sums in float32
    wide = x.float()
    variance, mean = torch.var_mean(wide, dim=(2, 3), correction=0, keepdim=True)  # [B, C, 1, 1]
    scale = weight[:, None, None] * torch.rsqrt(variance + eps)
    return (wide * scale + (bias[:, None, None] - mean * scale)).to(x.dtype)


class FrameNorm(nn.Module):
    """An `InstanceNorm2d` without running statistics. Its weights stay float32 whatever its network's type."""

    def __init__(self, norm: nn.InstanceNorm2d) -> None:
        super().__init__()
        ones = torch.ones(norm.num_features)
        self.eps = norm.eps
        self.register_buffer("weight", (norm.weight.detach() if norm.affine else ones).float().clone())
        self.register_buffer("bias", (norm.bias.detach() if norm.affine else 0 * ones).float().clone())

    def forward(self, x: Tensor) -> Tensor:
        return frame_norm(x, self.get_buffer("weight"), self.get_buffer("bias"), self.eps)
