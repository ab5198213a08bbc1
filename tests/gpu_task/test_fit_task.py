import dataclasses
import hashlib
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from contracts.fit import FitProgress
from contracts.messages import GpuResult
from contracts.task_spec import FitSpec, ModelRef
from contracts.video_index import VideoIndex
from gpu_task import fit_task, task
from gpu_task.content import photographs
from gpu_task.losses import Objective
from gpu_task.model_files import read_model
from gpu_task.network import StyleNetwork
from gpu_task.objectives import make_objective
from gpu_task.recipes import RECIPES, Recipe
from gpu_task.timings import Timings
from gpu_task.training import fit
from gpu_task.training_frames import spread
from tests.gpu_task.conftest import TORCHVISION_FILES, SpecMaker, Storage, identity

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def tiny_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real recipe takes minutes: the same with fewer and smaller steps, on one core, which others share."""
    monkeypatch.setattr(os, "process_cpu_count", lambda: 1)
    monkeypatch.setitem(
        RECIPES, "patches-v2", dataclasses.replace(RECIPES["patches-v2"], steps=3, crop=48, style_size=96)
    )


def fit_spec(storage: Storage, specs: SpecMaker, prefix: str, style: bytes, **changes: object) -> FitSpec:
    values: dict[str, object] = {
        "identity": identity(),
        "source": specs.source,
        "index": specs.index,
        "style": storage.upload(f"{prefix}/style.jpg", style),
        "recipe": "patches-v2",
        "to": storage.destinations(prefix, "model.safetensors"),
    }
    return FitSpec.model_validate({**values, **changes})


def run(spec: FitSpec, folder: Path) -> GpuResult:
    return task.run(spec, folder, Timings(time.perf_counter()))


def notes(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata()


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.effect_mandelbrot((120, 120), (-3, -2.5, 2, 2.5), 100).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_fit_uploads_weights_that_scoring_can_use(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    spec = fit_spec(storage, specs, "fit", jpeg())

    result = run(spec, tmp_path)

    assert result.outcome == "succeeded", result.reason
    assert result.frames == ()
    url = storage.url("fit/model.safetensors", "r")
    StyleNetwork().load_state_dict(read_model(ModelRef(name="mine", sha256=result.output_sha256, url=url)))

    again = run(spec, tmp_path)
    assert (again.outcome, again.output_sha256) == ("succeeded", result.output_sha256)
    assert again.fit == result.fit
    assert again.seconds.score == 0


def test_a_fit_tells_its_steps_and_losses(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    result = run(fit_spec(storage, specs, "told", jpeg(), steps=5), tmp_path)

    assert result.fit is not None, result.reason
    assert (result.fit.step, result.fit.steps) == (5, 5)
    assert None not in (result.fit.style, result.fit.content, result.fit.consistency)
    told = FitProgress.model_validate(storage.metadata("told/progress"), strict=False)
    assert told == result.fit
    assert result.seconds.score > 0


def test_the_weights_say_what_they_were_fitted_to(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    spec = fit_spec(storage, specs, "noted", jpeg(), style_scale=1.5, size_class=720)

    result = run(spec, tmp_path)

    held = notes(tmp_path / "model.safetensors")
    assert json.loads(held.pop("losses")) == result.fit.model_dump(include={"style", "content", "consistency"})
    assert held == {
        "recipe": "patches-v2",
        "features": "patches",
        "style_sha256": hashlib.sha256(jpeg()).hexdigest(),
        "style_scale": "1.5",
        "size_class": "720",
        "step": "3",
        "steps": "3",
        "torch": torch.__version__,
    }


def test_the_same_fit_gives_the_same_bytes(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    first, second = (run(fit_spec(storage, specs, f"same-{n}", jpeg(), max_seconds=1e12), tmp_path) for n in (1, 2))

    assert first.output_sha256 == second.output_sha256 is not None


def test_a_larger_scale_and_larger_frames_paint_from_a_larger_painting(
    storage: Storage, specs: SpecMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def look(recipe: Recipe, style: np.ndarray, *others: Any) -> Objective:
        seen.append(min(style.shape[:2]))
        return make_objective(recipe, style, *others)

    monkeypatch.setattr(fit_task, "make_objective", look)
    for scale, size in ((1.0, 480), (1.5, 480), (1.0, 1080)):
        run(fit_spec(storage, specs, f"scale-{scale}-{size}", jpeg(), style_scale=scale, size_class=size), tmp_path)

    assert seen == [96, 144, 144], "by the scale, and by the square root of the size class"


def test_time_that_runs_out_ends_a_fit_with_what_it_has(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    result = run(fit_spec(storage, specs, "short", jpeg(), steps=100_000, max_seconds=0.5), tmp_path)

    assert result.outcome == "succeeded", result.reason
    assert result.fit is not None
    assert 0 < result.fit.step < result.fit.steps == 100_000
    assert storage.exists("short/model.safetensors")


@pytest.mark.parametrize("with_video", [True, False])
def test_photographs_are_fitted_on_with_the_video_and_without(
    storage: Storage, specs: SpecMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_video: bool
) -> None:
    seen: list[list[np.ndarray]] = []

    def look(frames: list[np.ndarray], *others: Any, **more: Any) -> StyleNetwork:
        seen.append(frames)
        return fit(frames, *others, **more)

    monkeypatch.setattr(fit_task, "fit", look)
    changes = {} if with_video else {"source": None, "index": None}
    result = run(fit_spec(storage, specs, f"photos-{with_video}", jpeg(), **changes), tmp_path)

    assert result.outcome == "succeeded", result.reason
    count = len(photographs())
    assert len(seen[0]) == count + (len(list(spread(specs.index))) if with_video else 0)
    assert all(np.array_equal(photo, frame) for photo, frame in zip(photographs(), seen[0][-count:], strict=True))


def test_a_fit_on_the_cpu_takes_every_core_and_gives_them_back(
    storage: Storage, specs: SpecMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()  # 1, as a chunk of a crowded node
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2)

    result = run(fit_spec(storage, specs, "cores", jpeg()), tmp_path)

    assert "2 threads" in result.device
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("style", "changes", "reason"),
    [
        (b"<svg/>", {}, "StyleImageError: style http"),
        (b"<svg/>" * 100, {"max_style_bytes": 500}, "600 bytes is more than 500; give a smaller copy"),
        (b"", {"max_style_pixels": 14_399}, "120x120 is more than 14,399 pixels"),
        (b"", {"recipe": "vgg-v9"}, "UnknownRecipeError: recipe 'vgg-v9' is not known"),
    ],
)
def test_a_fit_that_cannot_be_done_says_why(
    storage: Storage, specs: SpecMaker, tmp_path: Path, style: bytes, changes: dict[str, object], reason: str
) -> None:
    result = run(fit_spec(storage, specs, "bad", style or jpeg(), **changes), tmp_path)

    assert (result.outcome, result.cause) == ("failed", "job")
    assert reason in str(result.reason)
    assert result.fit is None
    assert not storage.exists("bad/model.safetensors")


def test_an_extractor_without_weights_fails_the_job_and_says_what_to_do(
    storage: Storage, specs: SpecMaker, tmp_path: Path, no_weights: Path
) -> None:
    result = run(fit_spec(storage, specs, "no-weights", jpeg(), recipe="vgg19-v1"), tmp_path)

    assert (result.outcome, result.cause) == ("failed", "job")
    assert str(result.reason).startswith("WeightsUnavailableError: vgg19: no usable weights")
    assert "FIT_FEATURES=patches" in str(result.reason)


def test_a_pretrained_extractor_is_recorded_by_its_hash(
    storage: Storage, specs: SpecMaker, tmp_path: Path, cached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = dataclasses.replace(RECIPES["vgg19-v1"], steps=2, crop=96, style_size=96)
    monkeypatch.setitem(RECIPES, "vgg19-v1", tiny)

    result = run(fit_spec(storage, specs, "vgg", jpeg(), recipe="vgg19-v1"), tmp_path)

    assert result.outcome == "succeeded", result.reason
    held = notes(tmp_path / "model.safetensors")
    file = cached / "hub" / "checkpoints" / TORCHVISION_FILES["vgg19"]
    assert (held["features"], held["features_sha256"]) == ("vgg19", hashlib.sha256(file.read_bytes()).hexdigest())


def test_training_frames_are_spread_over_the_video(index: VideoIndex) -> None:
    assert list(spread(index, 4)) == [2, 7, 12, 17]
    assert list(spread(index.window(5, 7), 24)) == [5, 6, 7]
