"""Draws lanes of bars over a scale of seconds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

# Drawn twice as large as it is shown, for screens that have the pixels.
SCALE = 2
WIDTH, LEFT, RIGHT, TOP = 1200, 190, 28, 104
GAP, GROUP_GAP, BOTTOM = 3, 14, 44
LEGEND, LEGEND_ROW = 82, 22
TICKS = 10
INK, FAINT, GRID, BAND, PAPER = "#1f2430", "#6b7280", "#e3e6ec", "#f6f7f9", "#ffffff"
FAILED = "#d62839"
# Of a stage that this program does not know.
OTHER = "#b08968"
# Kind of bar -> (colour, what the legend says). Bars that are all named where they are need no legend.
COLORS = {
    "probing": ("#8d99ae", "probing"),
    "preparing": ("#a5a58d", "preparing"),
    "scoring": ("#3a5a78", "scoring"),
    "stitching": ("#6d597a", "stitching"),
    "publishing": ("#52796f", "publishing"),
    "app": ("#4a4e69", "activity or message of the app"),
    "queue": ("#f4a259", "message in the queue"),
    "wait for a node": ("#f3d9b1", "waiting for a node"),
    "launch": ("#c8b6a6", "process launch"),
    "task": ("#cfd8e6", "GPU task"),
    "start": ("#9aa5b8", "imports, model"),
    "download": ("#7aa6c2", "download"),
    "decode": ("#2a9d8f", "decode"),
    "score": ("#e76f51", "score"),
    "steady": ("#e9c46a", "steady"),
    "encode": ("#457bc4", "encode"),
    "stitch": ("#6d597a", "stitch"),
    "upload": ("#7b5ea7", "upload"),
    "unknown": (FAILED, "ended without a word"),
}


@dataclass(frozen=True)
class Bar:
    """From `begin` to `end`, in seconds. `label` is written inside where there is room."""

    begin: float
    end: float
    kind: str
    label: str
    failed: bool = False


@dataclass(frozen=True)
class Lane:
    """`group` is empty for all but the first lane of a group."""

    group: str
    name: str
    bars: tuple[Bar, ...]
    height: int


@dataclass(frozen=True)
class Picture:
    """`seconds` is where the scale ends."""

    title: str
    facts: str
    seconds: float
    lanes: tuple[Lane, ...]

    def draw(self) -> Image.Image:
        legend = self._legend()
        top = TOP + LEGEND_ROW * (len(legend) - 1)
        tops = self._tops(top)
        bottom = tops[-1] + self.lanes[-1].height
        image = Image.new("RGB", (WIDTH * SCALE, (bottom + BOTTOM) * SCALE), PAPER)
        canvas = _Canvas(ImageDraw.Draw(image))
        canvas.text(24, 30, self.title, 20, INK)
        canvas.text(24, 54, self.facts, 13, FAINT)
        for number, row in enumerate(legend):
            for x, color, words in row:
                y = LEGEND + LEGEND_ROW * number
                canvas.box(x, y - 6, x + 11, y + 5, color)
                canvas.text(x + 16, y, words, 12, INK)
        self._bands(canvas, tops, bottom)
        self._scale(canvas, top, bottom)
        for lane, y in zip(self.lanes, tops, strict=True):
            self._lane(canvas, lane, y)
        return image

    def _tops(self, top: int) -> list[int]:
        tops: list[int] = []
        for lane in self.lanes:
            top += (GROUP_GAP if tops and lane.group else 0) + (GAP if tops else 0)
            tops.append(top)
            top += lane.height
        return tops

    def _legend(self) -> list[list[tuple[float, str, str]]]:
        """Rows of (x, colour, words) for kinds of bars that are not all named where they are."""
        bars = [bar for lane in self.lanes for bar in lane.bars]
        unnamed = {bar.kind for bar in bars if bar.kind == "task" or not self._fits(bar)}
        entries = [entry for kind, entry in COLORS.items() if kind in unnamed]
        if any(bar.failed for bar in bars):
            entries.append((FAILED, "failed"))
        rows: list[list[tuple[float, str, str]]] = [[]]
        x = 24.0
        for color, words in entries:
            width = 16 + _width(words, 12)
            if x + width > WIDTH - RIGHT:
                rows.append([])
                x = 24.0
            rows[-1].append((x, color, words))
            x += width + 18
        return rows

    def _x(self, seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * seconds / self.seconds

    def _bands(self, canvas: "_Canvas", tops: list[int], bottom: int) -> None:
        """Every other group on a darker ground."""
        starts = [top for lane, top in zip(self.lanes, tops, strict=True) if lane.group]
        for number, (start, end) in enumerate(zip(starts, [*starts[1:], bottom + GROUP_GAP], strict=True)):
            if number % 2 == 0:
                canvas.box(0, start - GROUP_GAP / 2, WIDTH, end - GROUP_GAP / 2, BAND)

    def _scale(self, canvas: "_Canvas", top: int, bottom: int) -> None:
        for at in _ticks(self.seconds):
            x = self._x(at)
            canvas.box(x, top - 6, x + 0.5, bottom + 6, GRID)
            canvas.text(x, bottom + 20, f"{at:g} s", 12, FAINT, "mm")

    def _lane(self, canvas: "_Canvas", lane: Lane, top: int) -> None:
        middle = top + lane.height / 2
        if lane.group:
            canvas.text(16, middle, lane.group, 13, INK, bold=True)
        canvas.text(LEFT - 10, middle, lane.name, 11, FAINT, "rm")
        for bar in lane.bars:
            # What took less than a pixel is seen all the same.
            begin, end = self._x(bar.begin), max(self._x(bar.end), self._x(bar.begin) + 1)
            canvas.box(begin, top, end, top + lane.height, _color(bar))
            if self._fits(bar):
                canvas.text((begin + end) / 2, middle, bar.label, 11, INK if bar.kind == "task" else PAPER, "mm")

    def _fits(self, bar: Bar) -> bool:
        """Whether the bar's label can be written inside it."""
        return bool(bar.label) and _width(bar.label, 11) + 6 < self._x(bar.end) - self._x(bar.begin)


class _Canvas:
    """Takes the picture's own units."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def box(self, left: float, top: float, right: float, bottom: float, color: str) -> None:
        edges = [round(value * SCALE) for value in (left, top, right, bottom)]
        self._draw.rectangle((edges[0], edges[1], max(edges[0], edges[2] - 1), edges[3] - 1), fill=color)

    def text(
        self, x: float, y: float, words: str, size: int, color: str, anchor: str = "lm", *, bold: bool = False
    ) -> None:
        stroke = 0.35 * SCALE if bold else 0
        self._draw.text(
            (x * SCALE, y * SCALE), words, color, _font(size), anchor, stroke_width=stroke, stroke_fill=color
        )


def _color(bar: Bar) -> str:
    return FAILED if bar.failed else COLORS.get(bar.kind, (OTHER, ""))[0]


def _width(words: str, size: int) -> float:
    return _font(size).getlength(words) / SCALE


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * SCALE)


def _ticks(seconds: float) -> Iterator[float]:
    """About `TICKS` round numbers from 0 on."""
    rough = max(seconds, 1e-3) / TICKS
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    for number in range(math.floor(seconds / step) + 1):
        yield round(number * step, 9)
