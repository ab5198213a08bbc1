import pytest
import torch
from torch import nn

from contracts.task_spec import ModelRef
from gpu_task.fast_network import FastStyleNetwork, join, split
from gpu_task.network import StyleNetwork
from gpu_task.scorers.style_transfer import open_network


@pytest.fixture(scope="module")
def network() -> StyleNetwork:
    return open_network(ModelRef(name="starry-night", sha256=None, builtin=True)).eval()


def frames(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(48, 64), (33, 50), (16, 18), (35, 16)])
@torch.inference_mode()
def test_it_is_the_same_function(network: StyleNetwork, size: tuple[int, int]) -> None:
    """Edges, corners and sizes that do not divide by 4 included."""
    source = frames(2, *size, 3)

    painted = FastStyleNetwork(network, torch.float32)(source)

    wanted = network(source.permute(0, 3, 1, 2) / 255).permute(0, 2, 3, 1) * 255
    assert painted.shape == source.shape
    assert (painted - wanted).abs().max() < 0.2  # float32, summed in another order


@torch.inference_mode()
def test_all_weights_matter() -> None:
    """Not those of one style alone: every tensor of the network moves the picture, and moves both alike. But for what a
    residual block adds everywhere: the next norm takes it away."""
    torch.manual_seed(0)
    network = StyleNetwork().eval()
    nn.init.normal_(network.to_rgb.weight, std=0.2)
    source = frames(1, 20, 24, 3)
    for name, tensor in network.state_dict().items():
        before = FastStyleNetwork(network, torch.float32)(source)
        tensor.add_(torch.randn_like(tensor) * tensor.abs().mean().clamp(min=0.1))
        after = FastStyleNetwork(network, torch.float32)(source)
        wanted = network(source.permute(0, 3, 1, 2) / 255).permute(0, 2, 3, 1) * 255

        assert name.endswith("second.norm.bias") or (after - before).abs().max() > 0.5, name
        assert (after - wanted).abs().max() < 0.2, name


def test_joined_is_what_was_split() -> None:
    x = torch.arange(2 * 3 * 4 * 6.0).reshape(2, 3, 4, 6)

    parts = split(x)

    assert parts.shape == (2, 12, 2, 3)
    assert torch.equal(parts[:, 3:6], x[:, :, 0::2, 1::2])  # phase row 0, phase column 1
    assert torch.equal(join(parts), x)
