"""The whole benchmark in miniature: a few frames of a tiny clip, fits of half a second, random weights to judge by."""

import hashlib
import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import squeezenet1_0

from benchmarks import contest, quality
from benchmarks.contest import OURS
from benchmarks.rivals import JOHNSON, RIVALS
from contracts.styles import BUILTIN_STYLES


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clip.mp4, my_style.png, photo.png and squeezenet.safetensors."""
    folder = tmp_path_factory.mktemp("media")
    random = np.random.default_rng(0)
    picture = random.integers(0, 255, (8, 14, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for n in range(4):
            frame = np.ascontiguousarray(picture[:, 2 * n : 2 * n + 96])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    Image.fromarray(picture).save(folder / "photo.png")
    Image.fromarray(random.integers(0, 255, (100, 120, 3), dtype=np.uint8)).save(folder / "my_style.png")
    torch.manual_seed(0)
    save_file(squeezenet1_0().state_dict(), folder / "squeezenet.safetensors")
    return folder


@pytest.mark.timeout(240)
def test_one_command_measures_and_goes_on_where_it_was(media: Path, tmp_path: Path) -> None:
    result, written = tmp_path / "quality.json", tmp_path / "quality.md"
    files = ["--result", str(result), "--sheets", str(tmp_path / "sheets"), "--work", str(tmp_path / "work")]
    what = ["--media", str(media), "--clips", "clip.mp4", "--train", "photo.png", "--weights", str(media)]
    what += ["--seconds", "0.5", "--frames", "3", "--longer-side", "48", *files]

    assert quality.main([*what, "--upload", "my_style.png"]) == 0

    style = json.loads(result.read_text())["styles"]["my-style"]
    ours, theirs, *others = style["models"]
    assert (ours["model"], theirs["model"]) == (OURS, JOHNSON)
    assert [other["model"] for other in others] == [rival.name for rival in RIVALS[1:]]
    assert len({other["clips"][0]["style_loss"] for other in (theirs, *others)}) == len(RIVALS)
    furthest = style["fit"][RIVALS[-1].name]
    assert furthest["seconds"] == pytest.approx(1.6 * style["fit"][JOHNSON]["seconds"], abs=0.1)
    assert furthest["steps"] > style["fit"][JOHNSON]["steps"]
    assert ours["overall"]["seam_difference"] == 0
    assert ours["clips"][0]["style_loss"] > 0
    assert theirs["clips"][0]["style_loss"] > 0
    assert style["fit"][OURS]["steps"] >= 1
    assert style["begun_from"] in BUILTIN_STYLES
    assert style["fit"][JOHNSON]["seconds"] == style["fit"][OURS]["seconds"] >= 0.5
    assert "--media MEDIA --clips clip.mp4" in style["command"]
    assert str(media) not in style["command"]
    with Image.open(tmp_path / "sheets" / "my-style.jpg") as sheet:
        assert sheet.width > 3 * 400

    # Measured already: it is left as it is. The other one is added.
    fitted = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "work").iterdir()}
    again = [
        *what,
        "--plain",
        "--upload",
        "my_style.png",
        "--style",
        "stained-glass=my_style.png",
        "--fitted",
        "stained-glass=900",
    ]
    assert quality.main(again) == 0
    styles = json.loads(result.read_text())["styles"]
    assert styles["my-style"] == style
    assert styles["stained-glass"]["kind"] == "builtin"
    assert [model["model"] for model in styles["stained-glass"]["models"]] == [OURS, JOHNSON]
    assert styles["stained-glass"]["fit"][OURS]["seconds"] == 900
    assert styles["stained-glass"]["fit"][JOHNSON]["seconds"] == 0.5
    assert {name: (tmp_path / "work" / name).stat().st_mtime_ns for name in fitted} == fitted

    assert quality.main(["--table", "--result", str(result), "--page", str(written), "--sheets", str(tmp_path)]) == 0
    assert "| my-style (uploaded) |" in written.read_text()
    assert written.read_text().count("of 1 styles.**") == 2  # at equal style loss, at the same objective


def test_no_fit_begins_from_a_network_of_the_same_painting(monkeypatch: pytest.MonkeyPatch, media: Path) -> None:
    painting = media / "my_style.png"
    digest = hashlib.sha256(painting.read_bytes()).hexdigest()
    assert contest.styles_of(painting) == set()

    monkeypatch.setattr(contest, "read_notes", lambda path: {"style_sha256": digest if "mosaic" in path.stem else "-"})

    assert contest.styles_of(painting) == {"mosaic"}


def test_bad_arguments_are_named(media: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    clip = ["--clips", str(media / "clip.mp4"), "--result", str(tmp_path / "none.json")]
    with pytest.raises(SystemExit, match="--style none: not built in; there are: "):
        quality.main([*clip, "--style", f"none={media / 'my_style.png'}"])
    with pytest.raises(SystemExit, match=r"missing\.png: no such file here"):
        quality.main([*clip, "--upload", "missing.png"])
    with pytest.raises(SystemExit, match="give NAME=PAINTING"):
        quality.main([*clip, "--style", "starry-night"])
    with pytest.raises(SystemExit):
        quality.main(clip)
    assert "nothing to measure" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        quality.main(["--table", "--result", str(tmp_path / "none.json")])
    assert "no result yet" in capsys.readouterr().err
