import numpy as np
import pytest
from PIL import Image

from gpu_task.evaluation.sheet import CELL, MARGIN, Cell, Sheet

RED, GREEN, BLUE, PALE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (251, 250, 247)


def plain(color: tuple[int, int, int], width: int = 64, height: int = 36) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def sheet(**changes: object) -> Image.Image:
    rows = [[Cell(plain(GREEN), "one"), Cell(plain(BLUE), "two")]] * 2
    given: dict[str, object] = {
        "title": "A style",
        "lines": ["a line"],
        "style": plain(RED),
        "headings": ["Source", "Result"],
        "rows": rows,
    }
    return Sheet(**{**given, **changes}).draw()  # type: ignore[arg-type]


def area(image: Image.Image, color: tuple[int, int, int]) -> int:
    """Pixels of that colour, and nearly so."""
    return int((np.abs(np.asarray(image).astype(int) - color).max(axis=2) < 3).sum())


def test_the_style_and_every_frame_are_there_whole() -> None:
    image = sheet()

    cell = CELL * (CELL * 36 // 64)
    assert area(image, GREEN) == area(image, BLUE) == 2 * cell
    assert area(image, RED) > 50_000


def test_the_margin_is_kept_whatever_is_written() -> None:
    image = sheet(title="word " * 100, lines=["figures " * 100] * 3, headings=["heading " * 40] * 2)

    pixels = np.asarray(image)
    for edge in (pixels[:MARGIN], pixels[:, :MARGIN], pixels[:, -MARGIN:]):
        assert (edge == PALE).all()


@pytest.mark.parametrize("height", [20, 36, 100])
def test_rows_of_any_shape_fit(height: int) -> None:
    row = [Cell(plain(GREEN, 64, height), "one"), Cell(plain(GREEN, 64, height), "two")]

    assert area(sheet(rows=[row]), GREEN) == 2 * CELL * round(height * CELL / 64)
