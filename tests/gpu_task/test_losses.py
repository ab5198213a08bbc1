import pytest
import torch

from gpu_task.losses import Palette, PerceptualObjective, gram, inconsistency, tone_mismatch, total_variation


@pytest.fixture
def image() -> torch.Tensor:
    """[1, 3, 64, 64], with light and dark regions."""
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bilinear")


def test_gram_is_the_mean_product_of_channels() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])  # [1, 2, 1, 2]

    assert gram(features).tolist() == [[[2.5, 0.5], [0.5, 5.0]]]


def test_a_negative_has_the_wrong_tones(image: torch.Tensor) -> None:
    assert tone_mismatch(image, image).item() == pytest.approx(0, abs=1e-5)
    assert tone_mismatch(0.5 * image + 0.2, image).item() == pytest.approx(0, abs=1e-5)
    assert tone_mismatch(1 - image, image).item() == pytest.approx(2, abs=1e-5)


def test_an_output_that_moves_with_the_picture_is_consistent(image: torch.Tensor) -> None:
    rows, columns = 3, 2
    output, moved = image[..., :60, :60], image[..., rows : rows + 60, columns : columns + 60]

    assert inconsistency(output, moved, (rows, columns)).item() == 0
    assert inconsistency(output, output, (rows, columns)).item() > 0.01


def test_a_palette_knows_colours_and_not_places(image: torch.Tensor) -> None:
    palette = Palette(image)

    assert palette.distance(image.flip(-1)).item() == pytest.approx(0, abs=1e-6)
    assert palette.distance(image.flip(1)).item() > 0.01  # red and blue swapped


def test_total_variation_counts_steps() -> None:
    stripes = torch.tensor([0.0, 1.0]).repeat(4).expand(1, 1, 8, 8)

    assert total_variation(stripes).item() == 1
    assert total_variation(torch.ones(1, 3, 8, 8)).item() == 0


def test_style_is_compared_at_every_size_with_its_weight() -> None:
    """Fine noise and a style of the same noise enlarged: what tells them apart is how much the small sizes weigh."""
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, 64, 64, generator=random)
    style = torch.rand(1, 3, 128, 128, generator=random)
    plain = torch.nn.functional.avg_pool2d(noise, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)

    def loss(scales: tuple[float, ...], image: torch.Tensor) -> float:
        objective = PerceptualObjective(_Edges(), style, (0,), 0, palette=0, scales=scales)
        return objective(image, image).style.item()

    assert loss((1.0,), noise) < 0.1 < loss((1.0,), plain)
    assert loss((1.0, 0.0), plain) == pytest.approx(loss((1.0,), plain))
    assert loss((3.0, 1.0), plain) == pytest.approx(0.75 * loss((1.0, 0.0), plain) + 0.25 * loss((0.0, 1.0), plain))


class _Edges(torch.nn.Module):
    """A stand-in for an extractor whose one layer is differences between neighbours."""

    sha256 = ""

    def forward(self, x: torch.Tensor, last: int | None = None) -> dict[int, torch.Tensor]:
        return {0: x[..., 1:, 1:] - x[..., :-1, :-1]}


def test_the_gradient_of_a_gram_matrix_is_that_of_its_formula() -> None:
    """For matrices that are not symmetric too, which no loss of two Gram matrices asks for."""
    random = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 2, 4, generator=random, dtype=torch.float64).requires_grad_()
    asked = torch.randn(2, 3, 3, generator=random)

    (found,) = torch.autograd.grad(gram(features), features, asked)

    flat = features.flatten(2)
    (wanted,) = torch.autograd.grad(flat @ flat.transpose(1, 2) / 8, features, asked.double())
    assert torch.allclose(found, wanted, atol=1e-6)


def test_a_gram_matrix_of_16_bit_features_is_summed_in_float32() -> None:
    """10,000 products of 1: a sum kept in bfloat16 would stay at 256."""
    features = torch.ones(1, 2, 100, 100, dtype=torch.bfloat16)

    assert gram(features).dtype == torch.float32
    assert gram(features).flatten().tolist() == pytest.approx([1.0] * 4, rel=4e-3)
