"""The command line, with the extractor's weights where they are at hand, else with random ones of the same shape."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import squeezenet1_0

from gpu_task import evaluate
from gpu_task.network import StyleNetwork
from gpu_task.weights import write_weights

ROOT = Path(__file__).parents[2]
FRAMES, WIDTH, HEIGHT = 5, 64, 48


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clip.mp4, style.png, model.safetensors (of a style at 80 pixels, says its file), squeezenet.safetensors."""
    folder = tmp_path_factory.mktemp("evaluate")
    random = np.random.default_rng(0)
    blocks = random.integers(0, 255, (HEIGHT // 8, (WIDTH + 16) // 8, 3), dtype=np.uint8)
    picture = blocks.repeat(8, axis=0).repeat(8, axis=1)
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for n in range(FRAMES):
            frame = np.ascontiguousarray(picture[:, 2 * n : 2 * n + WIDTH])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    Image.fromarray(random.integers(0, 255, (100, 120, 3), dtype=np.uint8)).save(folder / "style.png")
    torch.manual_seed(0)
    write_weights(StyleNetwork(), folder / "model.safetensors", {"style_size": "80"})
    save_file(squeezenet1_0().state_dict(), folder / "squeezenet.safetensors")
    return folder


def arguments(folder: Path, *more: str, model: str = "model.safetensors") -> list[str]:
    given = [str(folder / model), "--style", str(folder / "style.png"), "--clips", str(folder / "clip.mp4")]
    return [*given, "--weights", str(folder), "--threads", "1", *more]


def test_figures_files_and_the_model_beside_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = evaluate.main(arguments(folder, "--against", "starry-night", "--json", "--out", str(tmp_path / "out")))

    result = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (result["style"], result["style_size"], result["features"]) == ("style.png", 80, "squeezenet")
    assert [model["model"] for model in result["models"]] == ["model", "starry-night"]
    clip = result["models"][0]["clips"][0]
    assert (clip["clip"], clip["width"], clip["height"], clip["frames"]) == ("clip", WIDTH, HEIGHT, FRAMES)
    for model in result["models"]:
        assert model["overall"]["seam_difference"] == 0
        assert model["overall"]["style_loss"] > 0
        assert model["overall"]["flicker"] > 0
    fresh, fitted = (model["overall"] for model in result["models"])
    assert fresh["style_loss"] != fitted["style_loss"]
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == result
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        assert sheet.width > 3 * 400


def test_without_json_there_is_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(arguments(folder, "--frames", "3", "--longer-side", "48")) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["model", "clip", "size", "style"]
    assert lines[1].split()[:3] == ["model", "clip", "48x36"]
    assert lines[2].split()[:2] == ["model", "overall"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--clips", "missing.mp4"], "missing.mp4"),
        (["--style", "missing.png"], "missing.png"),
        (["--weights", "missing.safetensors"], "missing.safetensors"),
        (["--against", "missing-night"], "model 'missing-night': no such file, and not a built-in style"),
        (["--against", "STYLE"], "model 'style.png': not weights of the style network"),
        (["--frames", "2", "--clips", "STYLE"], "style.png"),
    ],
)
def test_bad_input_is_named(folder: Path, capsys: pytest.CaptureFixture[str], change: list[str], message: str) -> None:
    changed = [str(folder / "style.png") if text == "STYLE" else text for text in change]

    assert evaluate.main([*arguments(folder), *changed]) == 1

    assert message in capsys.readouterr().err
