import pytest
import torch

from gpu_task.network import StyleNetwork, pad_to_multiple


@pytest.fixture
def network() -> StyleNetwork:
    torch.manual_seed(0)
    return StyleNetwork().eval()


def test_it_has_275_thousand_parameters(network: StyleNetwork) -> None:
    assert round(sum(p.numel() for p in network.parameters()) / 1000) == 275


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (64, 98)])
def test_any_size_comes_out_as_it_went_in(network: StyleNetwork, height: int, width: int) -> None:
    with torch.inference_mode():
        output = network(torch.rand(1, 3, height, width))

    assert output.shape == (1, 3, height, width)
    assert output.min() >= 0
    assert output.max() <= 1


def test_a_frame_does_not_depend_on_the_others_in_its_batch(network: StyleNetwork) -> None:
    frame, bright, dark = torch.rand(1, 3, 32, 48), torch.ones(1, 3, 32, 48), torch.zeros(1, 3, 32, 48)

    with torch.inference_mode():
        with_bright = network(torch.cat([frame, bright]))[0]
        with_dark = network(torch.cat([dark, frame]))[1]

    assert torch.equal(with_bright, with_dark)


def test_padding_mirrors_right_and_bottom() -> None:
    padded = pad_to_multiple(torch.arange(6.0).view(1, 1, 1, 6).expand(1, 1, 5, 6))

    assert padded.shape == (1, 1, 8, 8)
    assert padded[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 4, 3]
