import dataclasses
import hashlib
from pathlib import Path

import pytest
from PIL import Image
from safetensors import safe_open

from contracts.styles import BUILTIN_STYLES
from gpu_task import recipes
from scripts import fit_styles
from scripts.paintings import catalogue

STYLE = "starry-night"


@pytest.fixture
def paintings(tmp_path: Path) -> Path:
    folder = tmp_path / "paintings"
    folder.mkdir()
    for name in ("starry_night_google.jpg", "The-Scream.png"):
        Image.effect_noise((96, 80), 60).convert("RGB").save(folder / name)
    (folder / "starry_night.txt").write_text("a note")
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    draft = dataclasses.replace(recipes.DRAFT, steps=2, crop=64, style_size=80)
    monkeypatch.setitem(recipes.RECIPES, draft.name, draft)


@pytest.mark.usefixtures("quick")
def test_a_style_is_fitted_to_its_painting_and_its_hash_is_printed(
    paintings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = [STYLE, "--paintings", str(paintings), "--recipe", "patches-draft", "--out", str(tmp_path)]
    assert fit_styles.main(arguments) == 0
    out = tmp_path / f"{STYLE}.safetensors"
    assert capsys.readouterr().out == f'{STYLE}: sha256="{hashlib.sha256(out.read_bytes()).hexdigest()}",\n'
    with safe_open(out, "pt") as file:
        about = file.metadata()
    painting = paintings / "starry_night_google.jpg"
    assert about["style_sha256"] == hashlib.sha256(painting.read_bytes()).hexdigest()
    assert about["title"] == BUILTIN_STYLES[STYLE].title
    assert about["recipe"] == "patches-draft"


def test_a_museums_painting_is_found_by_the_beginning_of_its_file_name(paintings: Path):
    assert fit_styles.find_painting("the-scream", paintings) == paintings / "The-Scream.png"
    assert fit_styles.find_painting("starry-night", paintings) == paintings / "starry_night_google.jpg"


def test_a_painting_that_is_missing_or_not_the_only_one_is_told(paintings: Path):
    with pytest.raises(fit_styles.PaintingNotFoundError, match=r"great-wave: .* begins with great_wave; found: none"):
        fit_styles.find_painting("great-wave", paintings)
    (paintings / "starry-night-2.png").touch()
    with pytest.raises(fit_styles.PaintingNotFoundError, match=r"found: starry-night-2\.png, starry_night_google\.jpg"):
        fit_styles.find_painting("starry-night", paintings)
    with pytest.raises(fit_styles.PaintingNotFoundError, match="--paintings"):
        fit_styles.find_painting("starry-night", None)


def test_a_painting_of_our_own_is_the_one_that_ships_and_is_made_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert fit_styles.find_painting("mosaic", None) == fit_styles.OWN / "mosaic.jpg"
    monkeypatch.setattr(fit_styles, "OWN", tmp_path)
    monkeypatch.setattr(catalogue, "SHAPE", (64, 80))
    with Image.open(fit_styles.find_painting("mosaic", None)) as image:
        assert image.size == (80, 64)


@pytest.mark.usefixtures("quick")
def test_nothing_is_fitted_where_one_painting_is_missing(
    paintings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    missing = dataclasses.replace(BUILTIN_STYLES[STYLE], name="guernica")
    monkeypatch.setattr(fit_styles, "BUILTIN_STYLES", {STYLE: BUILTIN_STYLES[STYLE], "guernica": missing})
    arguments = ["--paintings", str(paintings), "--recipe", "patches-draft", "--out", str(tmp_path)]
    assert fit_styles.main(arguments) == 1
    assert "PaintingNotFoundError: guernica" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.safetensors"))


def test_an_unknown_style_is_refused_by_name(capsys: pytest.CaptureFixture[str]):
    assert fit_styles.main(["guernica"]) == 2
    assert "'guernica' is not in contracts/styles.py; there are: " in capsys.readouterr().err
