import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.paintings.__main__ import main
from scripts.paintings.canvas import color, slopes, soften
from scripts.paintings.catalogue import MAX_BYTES, PAINTINGS, SHAPE, jpeg

TINY, SMALL = (64, 80), (160, 200)
SHIPPED = Path(__file__).resolve().parents[2] / "docs" / "images" / "styles"
# Colours without which the painting would not be the one meant.
PALETTE = {
    "impasto": "f57c16 fdb32a 4b3480 191536",
    "mosaic": "f0bd3a 13839a 10336b d8401f",
    "stained-glass": "1450c4 0c6a2e ffd75a 17141c",
    "woodcut": "f1dfb8 1a1b2b d6482a eeb03f",
}


@pytest.fixture(scope="module")
def small() -> dict[str, Image.Image]:
    return {name: paint(SMALL) for name, paint in PAINTINGS.items()}


@pytest.mark.parametrize("name", PAINTINGS)
def test_a_painting_is_the_same_each_time(name: str):
    first, second = (hashlib.sha256(PAINTINGS[name](TINY).tobytes()).hexdigest() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", PAINTINGS)
def test_a_painting_has_the_size_asked_for(name: str, small: dict[str, Image.Image]):
    assert (small[name].height, small[name].width) == SMALL
    assert small[name].mode == "RGB"


@pytest.mark.parametrize("name", PAINTINGS)
def test_a_painting_shows_its_palette(name: str, small: dict[str, Image.Image]):
    pixels = np.asarray(small[name]).reshape(-1, 3) / 255
    for code in PALETTE[name].split():
        near = np.linalg.norm(pixels - color(code), axis=1) < 0.2
        assert near.mean() > 0.005, f"{name} has hardly any {code}"


@pytest.mark.parametrize("name", PAINTINGS)
def test_a_painting_has_light_and_dark_and_no_empty_areas(name: str, small: dict[str, Image.Image]):
    gray = np.asarray(small[name].convert("L"), dtype=float)
    dark, light = np.percentile(gray, (5, 95))
    assert light - dark > 90
    patches = gray.reshape(SMALL[0] // 40, 40, SMALL[1] // 40, 40)
    assert patches.std(axis=(1, 3)).min() > 6


@pytest.mark.parametrize("name", PAINTINGS)
def test_the_picture_that_ships_is_of_the_size_that_styles_are_fitted_at(name: str):
    path = SHIPPED / f"{name}.jpg"
    assert path.stat().st_size <= MAX_BYTES
    with Image.open(path) as image:
        assert (image.height, image.width) == SHAPE


def test_a_jpeg_file_takes_the_best_quality_that_fits():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    large = len(jpeg(noise, (90,)))
    assert len(jpeg(noise, (90, 30), large)) == large
    small = jpeg(noise, (90, 30), large - 1)
    assert len(small) < large
    assert Image.open(io.BytesIO(small)).size == (64, 64)
    with pytest.raises(ValueError, match="make it smaller"):
        jpeg(noise, (90, 30), 100)


def test_an_unknown_painting_is_refused_by_name(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    with pytest.raises(SystemExit):
        main(["guernica", "--out", str(tmp_path)])
    assert "'guernica' is not a painting; there are: impasto" in capsys.readouterr().err


def test_blur_keeps_the_mean_and_slopes_tell_the_rise():
    ramp = np.tile(np.arange(40.0), (30, 1))
    right, down = slopes(ramp)
    assert np.allclose(right, 1)
    assert np.allclose(down, 0)
    spike = np.zeros((30, 40))
    spike[15, 20] = 1
    blurred = soften(spike, 2)
    assert blurred.sum() == pytest.approx(1)
    assert blurred.max() == pytest.approx(1 / (2 * np.pi * 4), rel=0.02)
