import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_task.evaluation.appearance import Appearance
from gpu_task.evaluation.extractors import Extractor, NotAnExtractorError, open_extractor

WEIGHTS = Path(__file__).parents[4] / "shared" / "weights" / "squeezenet1_0_imagenet.safetensors"


def fixed_filters() -> Extractor:
    """A layer of colours and one of random filters, in place of a pretrained network."""
    kernels = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(0))

    def activations(x: Tensor) -> Mapping[int, Tensor]:
        return {0: x, 1: torch.relu(torch.nn.functional.conv2d(x - 0.5, kernels))}

    return Extractor("filters", "", (0, 1), 1, activations)


def noise(seed: int, low: int = 0, high: int = 255) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(low, high, (64, 96, 3), dtype=np.uint8)


def test_the_style_itself_has_no_style_loss_and_the_source_no_content_loss() -> None:
    style, source = noise(0), noise(1, 100, 140)
    appearance = Appearance(fixed_filters(), style)

    assert appearance.losses([style], [source]).style == pytest.approx(0, abs=1e-6)
    assert appearance.losses([style], [source]).content > 0.1
    assert appearance.losses([source], [source]).content == 0
    assert appearance.losses([source], [source]).style > 0.1


def test_style_knows_no_places() -> None:
    style = noise(0)

    assert Appearance(fixed_filters(), style).losses([np.roll(style, 30, axis=1)], [style]).style < 0.01


def test_losses_are_by_the_formula_and_the_mean_of_the_frames() -> None:
    """Of one layer, the pixels themselves, of one colour: G is its square, F the colour."""
    pixels = Extractor("pixels", "", (0,), 0, lambda x: {0: x[:, :1]})
    bright, half = np.full((8, 8, 3), 200, np.uint8), np.full((8, 8, 3), 100, np.uint8)

    one = Appearance(pixels, bright).losses([half], [bright])
    two = Appearance(pixels, bright).losses([half, bright], [bright, bright])

    assert one.style == pytest.approx((0.25 - 1) ** 2, rel=1e-5)
    assert one.content == pytest.approx((0.5 - 1) ** 2, rel=1e-5)
    assert (two.style, two.content) == pytest.approx((one.style / 2, one.content / 2))


def test_strokes_of_another_length_are_seen_at_the_smaller_sizes() -> None:
    """Stripes 4 pixels wide are nothing but grey at a quarter of the size; stripes of 16 are still stripes there."""
    slopes = Extractor("slopes", "", (0,), 0, lambda x: {0: (x[..., 1:] - x[..., :-1]).abs()[:, :1] + 0.05})
    fine, coarse = (np.tile(np.repeat([0, 255], width), 128 // width)[:128].astype(np.uint8) for width in (2, 16))
    pictures = [np.broadcast_to(row[None, :, None], (64, 128, 3)) for row in (fine, coarse)]
    style, other = pictures

    assert Appearance(slopes, style).losses([style], [style]).style_at_sizes == pytest.approx(0, abs=1e-6)
    losses = Appearance(slopes, style).losses([other], [style])
    assert losses.style_at_sizes > 2 * losses.style


def test_features_without_layers_are_refused() -> None:
    with pytest.raises(NotAnExtractorError, match="'patches' cannot be measured with; there are: squeezenet, vgg19"):
        open_extractor("patches")


@pytest.mark.skipif(not WEIGHTS.exists() and "ATELIER_FEATURES" not in os.environ, reason=f"no weights at {WEIGHTS}")
def test_a_pretrained_network_tells_a_painting_from_grey() -> None:
    """A style loss near 1 is what a grey picture has: it is the unit of the measure."""
    style, grey = np.kron(noise(0)[:16, :24], np.ones((8, 8, 1), np.uint8)), np.full((128, 192, 3), 128, np.uint8)
    extractor = open_extractor("squeezenet", WEIGHTS if WEIGHTS.exists() else None)
    appearance = Appearance(extractor, style)

    assert appearance.losses([style], [grey]).style < 1e-6
    assert 0.5 < appearance.losses([grey], [grey]).style < 1.5
    assert len(extractor.sha256) == 64


def test_the_palette_knows_colours_and_not_places() -> None:
    style = noise(0)

    appearance = Appearance(fixed_filters(), style)

    assert appearance.losses([np.roll(style, 32, axis=1)], [style]).palette == pytest.approx(0, abs=1e-6)
    assert appearance.losses([style // 4], [style]).palette > 0.1
