import pytest
import torch
from torch import nn

from gpu_task.frame_norm import FrameNorm, frame_norm


def pictures(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    x = 3 + 2 * torch.randn(2, 8, 12, 10, generator=torch.Generator().manual_seed(0))
    return x.to(dtype, memory_format=torch.channels_last)


def affine() -> nn.InstanceNorm2d:
    norm = nn.InstanceNorm2d(8, affine=True)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


@pytest.mark.parametrize("compiling", [False, True])
@pytest.mark.parametrize("norm", [affine(), nn.InstanceNorm2d(8, eps=0.1)], ids=["affine", "plain"])
def test_it_is_instance_norm(norm: nn.InstanceNorm2d, compiling: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: compiling)
    x = pictures()

    assert torch.allclose(FrameNorm(norm)(x), norm(x), atol=1e-5)


@pytest.mark.parametrize("compiling", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_statistics_and_weights_are_float32(
    dtype: torch.dtype, compiling: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only input and output are rounded: one that rounds weights too is further away."""
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: compiling)
    x, weight, bias = pictures(dtype), torch.linspace(1, 1.01, 8), torch.linspace(0.1, 0.11, 8)

    normed = frame_norm(x, weight, bias, 1e-5)

    wanted = frame_norm(x.float(), weight, bias, 1e-5)
    assert normed.dtype == dtype
    assert normed.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(normed.float(), wanted.to(dtype).float(), atol=1e-3, rtol=torch.finfo(dtype).eps)
