"""A style fitted by hand, from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from contracts.fit import RECIPES
from gpu_task import fit as command
from gpu_task.content import photographs
from gpu_task.features import SQUEEZENET, VGG19, PretrainedNetwork
from gpu_task.features_files import torchvision_file
from tests.gpu_task.conftest import ROOT, picture

pytestmark = pytest.mark.timeout(120)

TINY = ["--steps", "2", "--crop", "96", "--style-size", "96", "--threads", "1"]


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    """Soft blue and yellow blotches."""
    mix = np.random.default_rng(0).random((12, 12))[..., None]
    colors = (mix * (240, 200, 40) + (1 - mix) * (30, 40, 120)).astype(np.uint8)
    path = tmp_path / "blotches.png"
    Image.fromarray(colors).resize((96, 96), Image.Resampling.BICUBIC).save(path)
    return path


def notes(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata()


def test_it_runs_as_a_command(painting: Path, tmp_path: Path, video: Path) -> None:
    Image.fromarray(picture(3)).save(tmp_path / "photo.png")
    out = tmp_path / "blotches.safetensors"
    options = [
        "--features",
        "patches",
        "--out",
        out,
        "--note",
        "licence=CC0",
        "--frames",
        video,
        tmp_path / "photo.png",
    ]

    done = subprocess.run(
        [sys.executable, "-m", "gpu_task", "fit", painting, *options, *TINY],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert {value.dtype for value in load_file(out).values()} == {torch.float16}
    held = notes(out)
    assert (held["licence"], held["steps"], held["features"], held["recipe"]) == ("CC0", "2", "patches", "patches-v2")
    assert json.loads(held["losses"])["style"] > 0


@pytest.mark.parametrize("network", [SQUEEZENET, VGG19], ids=lambda network: network.name)
def test_pretrained_extractors_fit_and_are_recorded(
    network: PretrainedNetwork, painting: Path, tmp_path: Path, cached: Path
) -> None:
    out = tmp_path / "out.safetensors"
    Image.fromarray(picture(3)).save(tmp_path / "photo.png")

    done = command.main(
        [*map(str, (painting, "--features", network.name, "--frames", tmp_path / "photo.png", "--out", out)), *TINY]
    )

    assert done == 0
    held = notes(out)
    assert (held["recipe"], held["features"]) == (RECIPES[network.name], network.name)
    assert torchvision_file(network.weights).is_relative_to(cached)
    assert len(held["features_sha256"]) == 64


def test_without_frames_photographs_are_fitted_on(
    painting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[np.ndarray]] = []
    monkeypatch.setattr(command, "make_objective", lambda recipe, style, frames, *_: seen.append(frames) or 1 / 0)

    with pytest.raises(ZeroDivisionError):
        command.main([str(painting), "--features", "patches", "--out", str(tmp_path / "x"), *TINY])

    assert len(seen[0]) == len(photographs()) > 5


def test_style_scale_enlarges_the_painting_and_seconds_end_the_fit(painting: Path, tmp_path: Path) -> None:
    options = command._parser().parse_args([str(painting), "--out", "x", "--style-scale", "1.5", "--style-size", "64"])
    assert command.recipe_of(options).style_size == 96

    out = tmp_path / "out.safetensors"
    endless = ["--steps", "100000", "--max-seconds", "0.5", "--style-scale", "1.5", "--features", "patches"]
    tiny = ["--crop", "48", "--style-size", "64", "--threads", "1"]
    assert command.main([str(painting), "--out", str(out), *endless, *tiny]) == 0
    held = notes(out)
    assert 0 < int(held["step"]) < int(held["steps"]) == 100_000
    assert held["style_scale"] == "1.5"


def test_what_stops_it_is_said(painting: Path, no_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(painting), "--features", "vgg19", "--out", str(no_weights / "x"), *TINY]) == 1
    assert "WeightsUnavailableError: vgg19" in capsys.readouterr().err
