import dataclasses
import io
import time
from pathlib import Path

import pytest
from PIL import Image

from contracts.task_spec import FitSpec, ModelRef
from contracts.video_index import VideoIndex
from gpu_task import task
from gpu_task.model_files import read_model
from gpu_task.network import StyleNetwork
from gpu_task.recipes import RECIPES
from gpu_task.timings import Timings
from gpu_task.training_frames import spread
from tests.gpu_task.conftest import SpecMaker, Storage, identity

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def tiny_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real recipe takes minutes: the same with fewer and smaller steps."""
    monkeypatch.setitem(
        RECIPES, "patches-v1", dataclasses.replace(RECIPES["patches-v1"], steps=3, crop=48, style_size=96)
    )


def fit_spec(storage: Storage, specs: SpecMaker, prefix: str, style: bytes, recipe: str = "patches-v1") -> FitSpec:
    return FitSpec(
        identity=identity(),
        source=specs.source,
        index=specs.index,
        style=storage.upload(f"{prefix}/style.jpg", style),
        recipe=recipe,
        to=storage.destinations(prefix, "model.safetensors"),
    )


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.effect_mandelbrot((120, 120), (-3, -2.5, 2, 2.5), 100).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_fit_uploads_weights_that_scoring_can_use(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    spec = fit_spec(storage, specs, "fit", jpeg())

    result = task.run(spec, tmp_path, Timings(time.perf_counter()))

    assert result.outcome == "succeeded", result.reason
    assert result.frames == ()
    assert storage.metadata("fit/progress") == {"frames": "3"}
    url = storage.url("fit/model.safetensors", "r")
    StyleNetwork().load_state_dict(read_model(ModelRef(name="mine", sha256=result.output_sha256, url=url)))

    again = task.run(spec, tmp_path, Timings(time.perf_counter()))
    assert (again.outcome, again.output_sha256) == ("succeeded", result.output_sha256)
    assert again.seconds.score == 0


@pytest.mark.parametrize(
    ("style", "recipe", "reason"),
    [
        (b"<svg/>", "patches-v1", "StyleImageError: style http"),
        (jpeg(), "vgg-v9", "UnknownRecipeError: recipe 'vgg-v9' is not known"),
    ],
)
def test_a_fit_that_cannot_be_done_says_why(
    storage: Storage, specs: SpecMaker, tmp_path: Path, style: bytes, recipe: str, reason: str
) -> None:
    result = task.run(fit_spec(storage, specs, "bad", style, recipe), tmp_path, Timings(time.perf_counter()))

    assert result.outcome == "failed"
    assert str(result.reason).startswith(reason)
    assert not storage.exists("bad/model.safetensors")


def test_training_frames_are_spread_over_the_video(index: VideoIndex) -> None:
    assert list(spread(index, 4)) == [2, 7, 12, 17]
    assert list(spread(index.window(5, 7), 24)) == [5, 6, 7]
