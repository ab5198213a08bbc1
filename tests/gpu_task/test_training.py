"""The fit itself, on a few small steps: real losses, real networks, no pretrained weights needed."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import squeezenet1_0

from contracts.styles import BUILTIN_STYLES
from gpu_task.model_files import style_path
from gpu_task.objectives import make_objective
from gpu_task.recipes import RECIPES, Recipe, UnknownRecipeError, find_recipe
from gpu_task.training import (
    StepReport,
    consistency_ramp,
    draw_squares,
    find_start,
    fit,
    learning_rate_factor,
    part_done,
    to_tensor,
)
from gpu_task.weights import read_weights
from tests.gpu_task.conftest import picture

pytestmark = pytest.mark.timeout(120)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SqueezeNet with random weights: as good as pretrained ones to show that losses fall."""
    path = tmp_path_factory.mktemp("weights") / "squeezenet.safetensors"
    torch.manual_seed(0)
    save_file(squeezenet1_0().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def style() -> np.ndarray:
    """Soft blue and yellow blotches."""
    mix = np.random.default_rng(0).random((12, 12))[..., None]
    colors = mix * (240, 200, 40) + (1 - mix) * (30, 40, 120)
    return np.asarray(Image.fromarray(colors.astype(np.uint8)).resize((96, 96), Image.Resampling.BICUBIC))


def small(name: str, **changes: object) -> Recipe:
    # The third size would be too small for the extractor.
    quick = {"crop": 64, "steps": 25, "style_size": 96, "scales": RECIPES[name].scales[:2], **changes}
    return dataclasses.replace(RECIPES[name], **quick)


def run(recipe: Recipe, style: np.ndarray, extractor: Path) -> tuple[torch.nn.Module, list[StepReport]]:
    frames = [picture(0), picture(9)]
    reports: list[StepReport] = []
    objective = make_objective(recipe, style, frames, CPU, extractor)
    return fit(frames, objective, recipe, CPU, reports.append), reports


@pytest.mark.parametrize(("name", "steps", "crop"), [("squeezenet-v4", 25, 64), ("patches-v2", 60, 40)])
def test_the_style_loss_falls(name: str, steps: int, crop: int, style: np.ndarray, extractor: Path) -> None:
    _, reports = run(small(name, content=0.1, steps=steps, crop=crop, start=None), style, extractor)

    assert [report.step for report in reports] == list(range(1, steps + 1))
    first, last = (np.mean([report.style for report in part]) for part in (reports[:5], reports[-5:]))
    assert last < 0.9 * first


def test_the_same_recipe_gives_the_same_weights_and_another_seed_others(style: np.ndarray, extractor: Path) -> None:
    def weights(seed: int) -> torch.Tensor:
        network, _ = run(small("squeezenet-v4", steps=2, seed=seed), style, extractor)
        return torch.cat([value.flatten() for value in network.state_dict().values()])

    first = weights(1)
    assert torch.equal(first, weights(1))
    assert not torch.equal(first, weights(2))


def test_learning_rate_warms_up_and_cools_down() -> None:
    factors = [learning_rate_factor(step, step / 1000) for step in range(1, 1001)]

    assert factors[0] < 0.1
    assert max(factors) > 0.99
    assert factors[-1] == pytest.approx(0.03)


def test_consistency_is_always_asked_for_and_more_and_more_so() -> None:
    ramp = [consistency_ramp(done) for done in (0.01, 0.2, 0.4, 1)]

    assert ramp == pytest.approx([0.025, 0.5, 1, 1])


def test_squares_are_cut_from_frames_smaller_than_the_crop_too() -> None:
    squares = draw_squares([to_tensor(picture(0))], small("squeezenet-v4", crop=128, batch=3), torch.Generator())

    assert squares.shape == (3, 3, 132, 132)
    assert squares.min() >= 0
    assert squares.max() <= 1


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(UnknownRecipeError, match="'vgg-v9' is not known; there are: squeezenet-v4"):
        find_recipe("vgg-v9")


def test_a_fit_begins_from_what_its_recipe_names(style: np.ndarray, extractor: Path) -> None:
    still = {"steps": 1, "learning_rate": 0.0}
    begun, _ = run(small("squeezenet-v2", **still), style, extractor)
    anew, _ = run(small("squeezenet-v2", **still, start=None), style, extractor)

    assert same_weights(begun, read_weights(style_path("impasto")))
    assert not same_weights(anew, begun)


def test_a_fit_begins_from_the_nearest_style(style: np.ndarray, extractor: Path) -> None:
    """To the picture that mosaic makes of the frames, mosaic is nearest; without it, another is."""
    frames = [picture(0), picture(9)]
    recipe = small("squeezenet-v4", steps=1, learning_rate=0.0)
    with torch.inference_mode():
        painted = read_weights(style_path("mosaic"))(to_tensor(frames[0]))
    like_mosaic = (painted[0].permute(1, 2, 0) * 255).byte().numpy()
    objective = make_objective(recipe, like_mosaic, frames, CPU, extractor)

    assert find_start(frames, objective, recipe, CPU).name == "mosaic"
    assert find_start(frames, objective, recipe, CPU, without={"mosaic"}).name != "mosaic"
    assert same_weights(fit(frames, objective, recipe, CPU), read_weights(style_path("mosaic")))
    with pytest.raises(ValueError, match="no built-in style is left, without great-wave, impasto, mosaic"):
        find_start(frames, objective, recipe, CPU, without=BUILTIN_STYLES)


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    known = other.state_dict()
    return all(torch.equal(value, known[name]) for name, value in one.state_dict().items())


def test_time_counts_only_where_it_is_up_before_the_steps_are() -> None:
    assert part_done(0, 100, 0.5) == 0, "the first steps are slow"
    assert part_done(50, 100, 0.3) == 0.5
    assert part_done(50, 100, 0.7) == 0.7
    assert part_done(1, 100, 1.0) == 1, "whatever was done: it is over"


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (10, 20, 250)])
@pytest.mark.parametrize("name", ["squeezenet-v4", "patches-v2"])
def test_a_picture_of_one_colour_can_be_fitted_to(name: str, color: tuple[int, int, int], extractor: Path) -> None:
    plain = np.full((96, 96, 3), color, np.uint8)

    _, reports = run(small(name, steps=3), plain, extractor)

    assert np.isfinite([(report.style, report.content) for report in reports]).all()
