import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.johnson import ClassicFit, ClassicObjective, JohnsonNetwork, OurObjective, fit_classic
from gpu_task.evaluation.appearance import Appearance
from gpu_task.evaluation.extractors import Extractor
from gpu_task.losses import Parts
from gpu_task.recipes import DRAFT
from gpu_task.training import to_tensor

CPU = torch.device("cpu")
RECIPE = replace(DRAFT, crop=32)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    kernels = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(0))

    def activations(x: Tensor) -> Mapping[int, Tensor]:
        return {0: x, 1: torch.relu(torch.nn.functional.conv2d(x - 0.5, kernels))}

    return Extractor("filters", "", (0, 1), 1, activations)


def blocks(seed: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return coarse.repeat(6, axis=0).repeat(6, axis=1)  # [72, 96, 3]


def test_it_is_the_network_of_the_paper() -> None:
    """1,679,235 parameters, as the well-known implementation has."""
    assert sum(parameter.numel() for parameter in JohnsonNetwork().parameters()) == 1_679_235


@pytest.mark.parametrize("size", [(32, 48), (33, 50)])
def test_any_size_comes_out_as_it_went_in(size: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert JohnsonNetwork().eval()(torch.rand(2, 3, *size)).shape == (2, 3, *size)


def test_it_is_clamped_when_it_paints_and_not_while_it_is_fitted() -> None:
    network = JohnsonNetwork()
    with torch.inference_mode():
        network.layers[-1].weight.mul_(100)
        fitted, painted = (network.train(mode)(torch.rand(1, 3, 32, 32)) for mode in (True, False))

    assert fitted.min() < -0.5
    assert fitted.max() > 1.5
    assert (painted.min(), painted.max()) == (0, 1)


def test_what_it_is_fitted_to_is_what_is_measured(extractor: Extractor) -> None:
    """Else it would be beaten at another game."""
    style, output, source = blocks(0), blocks(1), blocks(2)

    fitted = ClassicObjective(extractor, style)(to_tensor(output), to_tensor(source))

    measured = Appearance(extractor, style).losses([output], [source])
    assert [part.item() for part in fitted] == pytest.approx([measured.style, measured.content], rel=0.02)


def test_losses_are_the_mean_of_a_batch(extractor: Extractor) -> None:
    objective, source = ClassicObjective(extractor, blocks(0)), to_tensor(blocks(2))
    one, two = (objective(to_tensor(blocks(n)), source) for n in (3, 4))

    both = objective(torch.cat([to_tensor(blocks(3)), to_tensor(blocks(4))]), source.repeat(2, 1, 1, 1))

    assert both[0].item() == pytest.approx((one[0] + two[0]).item() / 2, rel=0.02)
    assert both[1].item() == pytest.approx((one[1] + two[1]).item() / 2, rel=0.02)


def test_a_fit_comes_nearer_to_the_style(extractor: Extractor) -> None:
    losses: list[float] = []
    terms = ClassicFit(seconds=60, content=0.01, steps=25)

    network, steps = fit_classic(
        [blocks(1)], ClassicObjective(extractor, blocks(0)), RECIPE, terms, CPU, lambda *told: losses.append(told[1])
    )

    assert steps == len(losses) == 25
    assert not network.training
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_a_fit_ends_when_its_seconds_are_over(extractor: Extractor) -> None:
    began = time.perf_counter()

    _, steps = fit_classic(
        [blocks(1)], ClassicObjective(extractor, blocks(0)), RECIPE, ClassicFit(seconds=0.5, content=1), CPU
    )

    assert steps >= 1
    assert time.perf_counter() - began >= 0.5


def test_a_fit_goes_on_from_where_another_ended(extractor: Extractor) -> None:
    objective, losses = ClassicObjective(extractor, blocks(0)), []
    terms = ClassicFit(seconds=60, content=0.01, steps=15)
    begun, _ = fit_classic([blocks(1)], objective, RECIPE, terms, CPU)

    fit_classic([blocks(1)], objective, RECIPE, terms, CPU, lambda *told: losses.append(told[1]), begun)
    fit_classic([blocks(1)], objective, RECIPE, terms, CPU, lambda *told: losses.append(told[1]))

    assert losses[0] < 0.8 * losses[15]  # the first steps, of the one that went on and of the new one


def test_what_ours_is_fitted_to_is_handed_on_but_for_calm() -> None:
    def objective(output: Tensor, source: Tensor) -> Parts:
        return Parts(output.mean(), source.mean())

    style, content = OurObjective(objective)(torch.full((1, 3, 2, 2), 0.25), torch.full((1, 3, 2, 2), 0.75))

    assert (style.item(), content.item()) == (0.25, 0.75)
