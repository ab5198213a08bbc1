"""Autumn lake at sunset: oil, laid on thickly with the knife and lit from the side.

A picture of soft colours is drawn first; then strokes, from broad to fine, each take its colour at their middle and
follow the forms' flow. Every stroke leaves ridges of its bristles in a height map, and that is lit at the end.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from scripts.paintings.canvas import (
    Field,
    Shape,
    color,
    colors,
    coordinates,
    fractal_noise,
    ramp,
    shade,
    slopes,
    smooth_noise,
    smoothstep,
    soften,
    to_image,
)

SEED = 5
DETAIL = 2
HORIZON = 0.56
SUN = 0.66, 0.40
SKY = colors("27295f 4a3a86 8d4a92 d65b6c f5883f fdbf4a ffe08a")
LEAVES = colors("6e1423 b3241f e0451c f57c16 fdb32a ffdc5e")
VIOLETS = colors("191536 2c2458 4b3480 2a5f96 1d7f93")


@dataclass(frozen=True)
class Layer:
    """Strokes of one size: pixels long and wide, `cover` times as many as would tile the canvas."""

    length: float
    width: float
    cover: float
    jitter: float


LAYERS = (Layer(72, 24, 1.7, 0.05), Layer(46, 14, 1.7, 0.07), Layer(30, 9, 1.1, 0.09))


@dataclass(frozen=True)
class Study:
    """What the strokes follow: colour, direction (radians) and how far a stroke of the layer may reach there."""

    rgb: Field
    angle: Field
    fine: Field


def paint(shape: Shape) -> Image.Image:
    """The painting as an image of `shape` = (height, width) pixels."""
    rng = np.random.default_rng(SEED)
    large = shape[0] * DETAIL, shape[1] * DETAIL
    study = draw_study(rng, large)
    # What shows between strokes is the same picture in darker, warmer paint.
    canvas = study.rgb * color("c89aa0")
    height = np.zeros(large)
    for layer in LAYERS:
        lay_strokes(rng, canvas, height, study, layer)
    return to_image(varnish(rng, canvas, height), shape)


def draw_study(rng: np.random.Generator, shape: Shape) -> Study:
    x, y = coordinates(shape)
    wisps = fractal_noise(rng, shape, 0.22 * shape[0], 3, stretch=2.2)
    rgb, angle = _sky(x, y, wisps)
    _hills(rgb, angle, x, y, wisps)
    lake = y > HORIZON
    rgb[lake] = _lake(rgb, x, y, wisps)[lake]
    angle[lake] = (0.12 * np.sin(14 * x + 30 * y))[lake]
    fine = smoothstep(0.10, 0.0, np.abs(y - HORIZON))
    for trunk_x, spread in ((0.10, 0.24), (0.30, 0.13), (1.17, 0.22), (0.98, 0.10)):
        _tree(rng, rgb, angle, fine, (x, y), trunk_x, spread)
    _bank(rng, rgb, angle, x, y)
    return Study(rgb, angle, fine)


def _sky(x: Field, y: Field, wisps: Field) -> tuple[Field, Field]:
    away = np.hypot((x - SUN[0]) * 0.8, (y - SUN[1]) * 1.25)
    rgb = ramp(SKY, np.clip(1.02 - 1.75 * away + 0.13 * wisps, 0, 1))
    cloud = (
        smoothstep(0.5, 1.3, wisps + 0.6 * np.sin(16 * y + 3 * x))[..., None] * smoothstep(0.12, 0.3, away)[..., None]
    )
    rgb = rgb * (1 - 0.8 * cloud) + 0.8 * cloud * ramp(colors("ffb35c ff7f6b c8588e 5a4a9c"), np.clip(away * 1.5, 0, 1))
    disc = smoothstep(0.085, 0.07, np.hypot(x - SUN[0], y - SUN[1]))[..., None]
    around = np.arctan2(y - SUN[1], x - SUN[0]) + np.pi / 2
    return rgb * (1 - disc) + disc * color("fff6cf"), around + 0.35 * wisps


def _hills(rgb: Field, angle: Field, x: Field, y: Field, wisps: Field) -> None:
    for base, tall, pace, phase, code in (
        (0.53, 0.085, 5.0, 0.3, "6f4a9a"),
        (0.545, 0.055, 8.0, 1.9, "453580"),
        (0.555, 0.030, 13.0, 4.0, "2a2558"),
    ):
        ridge = base - tall * (0.55 + 0.45 * np.sin(pace * x + phase) + 0.12 * np.sin(3.1 * pace * x))
        inside = y > ridge
        glow = np.clip(0.5 - np.abs(x - SUN[0]), 0, 1)[..., None]
        rgb[inside] = (color(code) * (1 + 0.12 * wisps[..., None]) + 0.75 * glow * color("c8452e"))[inside]
        angle[inside] = (0.5 * np.cos(pace * x + phase) - 0.9)[inside]


def _lake(rgb: Field, x: Field, y: Field, wisps: Field) -> Field:
    """The sky upside down, broken by ripples that widen towards the viewer."""
    rows = rgb.shape[0]
    mirrored = np.clip(((2 * HORIZON - y + 0.03 * wisps) * rows).astype(int), 0, rows - 1)
    reflected = np.take_along_axis(rgb, mirrored[..., None], axis=0)
    depth = (y - HORIZON) / (1 - HORIZON)
    ripple = np.sin(2 * np.pi * (9 * np.log1p(5 * np.clip(depth, 0, 1)) + 0.6 * wisps))
    dark = ramp(VIOLETS, np.clip(0.35 + 0.4 * np.sin(7 * x + 11 * y) + 0.25 * wisps, 0, 1))
    share = smoothstep(-0.25, 0.35, ripple * (0.35 + depth) + 0.25 * wisps - 0.1)[..., None]
    path = np.exp(-(((x - SUN[0]) / (0.05 + 0.06 * depth)) ** 2)) * smoothstep(-0.3, 0.5, ripple)
    water = reflected * (1 - share) + dark * share
    return water * (1 - path[..., None]) + path[..., None] * ramp(colors("fff3c0 ffc23d f5762a"), np.clip(depth, 0, 1))


def _tree(
    rng: np.random.Generator,
    rgb: Field,
    angle: Field,
    fine: Field,
    xy: tuple[Field, Field],
    trunk: float,
    spread: float,
) -> None:
    """A trunk, and a crown of leafy clouds lit from the sun's side; its foot stands on the near bank."""
    x, y = xy
    foot = 0.60 + 1.3 * spread
    bend = 0.03 * np.sin(9 * y + 20 * trunk)
    wide = 0.012 * spread / 0.13 * (0.7 + 0.5 * smoothstep(0.3, foot, y))
    stem = (np.abs(x - trunk - bend) < wide) & (y < foot) & (y > 0.1)
    rgb[stem] = color("2a1428")
    lit = (x - trunk - bend) * np.sign(SUN[0] - trunk) > 0.4 * wide
    rgb[stem & lit] = color("b4562e")
    angle[stem] = np.pi / 2
    fine[stem] = 1
    mottle = smooth_noise(rng, rgb.shape[:2], 26)
    for _ in range(26):
        turn, reach = rng.uniform(0, 2 * np.pi), spread * np.sqrt(rng.uniform(0, 1))
        center_x, center_y = trunk + reach * np.cos(turn), 0.25 + 1.1 * reach * np.sin(turn)
        size = spread * rng.uniform(0.22, 0.42)
        inside = np.hypot(x - center_x, (y - center_y) * 1.15) < size * (1 + 0.16 * mottle)
        light = ((x - center_x) * np.sign(SUN[0] - trunk) * 0.7 - (y - center_y) * 0.6) / size
        tone = np.clip(0.42 + 0.38 * light + 0.10 * mottle + rng.normal(0, 0.12), 0, 1)
        rgb[inside] = ramp(LEAVES, tone)[inside]
        angle[inside] = (np.arctan2(y - center_y, x - center_x) + 1.2)[inside]
        fine[inside] = np.maximum(fine, 0.55)[inside]


def _bank(rng: np.random.Generator, rgb: Field, angle: Field, x: Field, y: Field) -> None:
    mottle = fractal_noise(rng, rgb.shape[:2], 44, 3, stretch=1.8)
    for edge in (0.74 + 0.75 * x, 0.70 + 0.85 * (x[0, -1] - x)):
        inside = y > edge + 0.012 * np.sin(40 * x)
        tone = np.clip(0.45 + 0.26 * mottle - 0.5 * (y - edge), 0, 1)
        rgb[inside] = ramp(LEAVES, tone)[inside]
        shadow = inside & (mottle < -0.75)
        rgb[shadow] = color("3b1f55")
        angle[inside] = (0.25 * mottle)[inside]


def lay_strokes(rng: np.random.Generator, canvas: Field, height: Field, study: Study, layer: Layer) -> None:
    rows, columns = height.shape
    length, width = layer.length * DETAIL, layer.width * DETAIL
    count = round(layer.cover * rows * columns / (length * width))
    for row, column in rng.uniform((0, 0), (rows, columns), (count, 2)):
        at = int(row), int(column)
        shrink = 1 - 0.45 * study.fine[at]
        size = length * rng.uniform(0.7, 1.25) * shrink, width * rng.uniform(0.75, 1.2) * shrink
        hue = study.rgb[at] * rng.normal(1, layer.jitter) + rng.normal(0, layer.jitter * 0.5, 3)
        _stroke(rng, canvas, height, (row, column), study.angle[at] + rng.normal(0, 0.16), size, hue)


def _stroke(
    rng: np.random.Generator,
    canvas: Field,
    height: Field,
    center: tuple[float, float],
    angle: float,
    size: tuple[float, float],
    hue: Field,
) -> None:
    """One touch of the knife: paint thins out along it, piles up at its sides and end, and bristles comb it."""
    (row, column), (length, width) = center, size
    cosine, sine = np.cos(angle), np.sin(angle)
    tall = int(0.5 * length * abs(sine) + 0.75 * width * abs(cosine)) + 2
    wide = int(0.5 * length * abs(cosine) + 0.75 * width * abs(sine)) + 2
    top, left = max(0, int(row) - tall), max(0, int(column) - wide)
    window = np.s_[top : int(row) + tall, left : int(column) + wide]
    down = np.arange(top, min(height.shape[0], int(row) + tall))[:, None] - row
    right = np.arange(left, min(height.shape[1], int(column) + wide))[None] - column
    along = (right * cosine + down * sine) / (length / 2)
    across = (down * cosine - right * sine) / (width / 2) + rng.normal(0, 0.22) * (along**2 - 0.4)
    bristles = rng.standard_normal(max(5, int(width / 2.2)))
    lane = np.clip((across + 1) / 2 * (len(bristles) - 1), 0, len(bristles) - 1)
    comb = np.interp(lane, np.arange(len(bristles)), bristles)
    ragged = 1 - 0.16 * comb - 0.10
    cover = smoothstep(0, 0.16, 1 - np.abs(across)) * smoothstep(0, 0.14, ragged - np.abs(along))
    pile = 0.55 + 0.30 * comb * 0.6 + 0.45 * np.abs(across) ** 4 + 0.4 * smoothstep(0.3, 0.85, along)
    tint = hue * (1 + 0.075 * comb[..., None] + 0.05 * along[..., None])
    canvas[window] += cover[..., None] * (tint - canvas[window])
    height[window] += cover * (0.55 * height[window] + pile - height[window])


def varnish(rng: np.random.Generator, canvas: Field, height: Field) -> Field:
    weave = 0.03 * smooth_noise(rng, height.shape, 3)
    right, down = slopes((soften(height, 1.1) + weave) * 3.4)
    diffuse, glossy = shade(right, down, 30)
    return canvas * (0.34 + 0.72 * np.clip(diffuse, 0, 1.35)[..., None]) + 0.16 * glossy[..., None] ** 2 - 0.02
