import pytest
import torch
from torch import Tensor, nn

from contracts.task_spec import ScorerOptions
from gpu_task.painting import Painting, make_painting, mix_of

CPU = torch.device("cpu")


class Classic(nn.Module):
    """A network of nobody's making, [B, 3, H, W] in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"),
            nn.InstanceNorm2d(8, affine=True),
            nn.ReLU(),
            nn.Conv2d(8, 3, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.layers(x))


@pytest.fixture
def frames() -> Tensor:
    return torch.randint(0, 256, (2, 20, 24, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 0.01), (torch.bfloat16, 1.5), (torch.float16, 0.5)])
@torch.inference_mode()
def test_any_network_paints(frames: Tensor, dtype: torch.dtype, limit: float) -> None:
    torch.manual_seed(0)
    network = Classic().eval()

    painted = make_painting(network, dtype, CPU)(frames)

    wanted = (network(frames.permute(0, 3, 1, 2) / 255).permute(0, 2, 3, 1) * 255).round()
    assert painted.dtype == torch.uint8
    assert (painted - wanted).abs().mean() <= limit


def test_the_given_network_stays_as_it_is() -> None:
    network = Classic()
    before = {name: value.clone() for name, value in network.state_dict().items()}

    make_painting(network, torch.bfloat16, CPU)

    assert isinstance(network.layers[1], nn.InstanceNorm2d)
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32}
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_only_norms_keep_float32() -> None:
    types = {name: value.dtype for name, value in make_painting(Classic(), torch.bfloat16, CPU).state_dict().items()}

    assert {name for name, dtype in types.items() if dtype == torch.float32} == {
        "paint.network.layers.1.weight",
        "paint.network.layers.1.bias",
    }


def test_where_all_is_wanted_nothing_is_mixed() -> None:
    assert mix_of(ScorerOptions(), CPU) is None
    assert mix_of(ScorerOptions(strength=0.5), CPU) is not None
    assert mix_of(ScorerOptions(keep_color=True), CPU) is not None


def test_everything_mixed_in_is_what_was_painted(frames: Tensor) -> None:
    painting = Painting(nn.Identity())

    class Darker(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.float() * 0.7

    painting.paint = Darker()
    assert torch.equal(painting(frames, torch.eye(3)), painting(frames))
    assert torch.equal(painting(frames, torch.zeros(3, 3)), frames)
