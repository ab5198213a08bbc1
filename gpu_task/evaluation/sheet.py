"""A contact sheet: the style above, and for each clip a row of the source and each model's result."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

# Pixels.
CELL, GAP, MARGIN = 480, 14, 36
STYLE_HEIGHT, CAPTION = 220, 26
TITLE_SIZE, HEADING_SIZE, TEXT_SIZE = 34, 19, 15
PAPER, INK, FAINT = "#fbfaf7", "#1c1b19", "#75716a"


@dataclass(frozen=True)
class Cell:
    """A frame, RGB [H, W, 3], and what is written below it."""

    frame: NDArray[np.uint8]
    caption: str


@dataclass(frozen=True)
class Sheet:
    """`headings` are of the columns; every row has as many cells. `lines` stand beside the style image."""

    title: str
    lines: Sequence[str]
    style: NDArray[np.uint8]
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def draw(self) -> Image.Image:
        heights = [_row_height(row) for row in self.rows]
        width = 2 * MARGIN + len(self.headings) * (CELL + GAP) - GAP
        top = 2 * MARGIN + STYLE_HEIGHT + CAPTION + GAP
        canvas = Image.new("RGB", (width, top + sum(heights) + MARGIN - GAP), PAPER)
        draw = ImageDraw.Draw(canvas)
        self._draw_head(canvas, draw)
        for column, heading in enumerate(self.headings):
            place = (_left(column), top - GAP // 2)
            draw.text(place, _fitted(heading, HEADING_SIZE, CELL), INK, _font(HEADING_SIZE), anchor="ls")
        for row, height in zip(self.rows, heights, strict=True):
            for column, cell in enumerate(row):
                _draw_cell(canvas, draw, cell, (_left(column), top))
            top += height
        return canvas

    def _draw_head(self, canvas: Image.Image, draw: ImageDraw.ImageDraw) -> None:
        """The style at the left, at most as wide as a cell; beside it the title and the lines."""
        style = Image.fromarray(self.style)
        scale = min(STYLE_HEIGHT / style.height, CELL / style.width)
        style = style.resize((round(style.width * scale), round(style.height * scale)), Image.Resampling.LANCZOS)
        canvas.paste(style, (MARGIN, MARGIN))
        left, top = MARGIN + style.width + 2 * GAP, MARGIN
        room = canvas.width - MARGIN - left
        draw.text((left, top), _fitted(self.title, TITLE_SIZE, room), INK, _font(TITLE_SIZE))
        top += round(1.6 * TITLE_SIZE)
        for line in self.lines:
            draw.text((left, top), _fitted(line, TEXT_SIZE, room), FAINT, _font(TEXT_SIZE))
            top += round(1.5 * TEXT_SIZE)


def _draw_cell(canvas: Image.Image, draw: ImageDraw.ImageDraw, cell: Cell, place: tuple[int, int]) -> None:
    image = _at_width(cell.frame)
    canvas.paste(image, place)
    below = (place[0], place[1] + image.height + 5)
    draw.text(below, _fitted(cell.caption, TEXT_SIZE, CELL), FAINT, _font(TEXT_SIZE))


def _at_width(frame: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(frame)
    return image.resize((CELL, round(image.height * CELL / image.width)), Image.Resampling.LANCZOS)


def _row_height(row: Sequence[Cell]) -> int:
    tallest = max(round(cell.frame.shape[0] * CELL / cell.frame.shape[1]) for cell in row)
    return tallest + CAPTION + GAP


def _left(column: int) -> int:
    return MARGIN + column * (CELL + GAP)


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's own, the same everywhere."""
    return ImageFont.load_default(size)


def _fitted(text: str, size: int, room: int) -> str:
    """`text`, or as much of its beginning as `room` pixels hold, with an ellipsis."""
    font = _font(size)
    if font.getlength(text) <= room:
        return text
    ends = range(len(text) + 1)
    end = bisect_right(ends, room, key=lambda end: font.getlength(text[:end] + "...")) - 1
    return text[: max(0, end)].rstrip() + "..."
