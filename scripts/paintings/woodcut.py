"""Pines under the moon: a woodcut in ink on warm paper, with two colour blocks printed beneath the key block.

Every form is shaded by lines cut along it: stripes of a phase that grows across the form, thicker where it is dark.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scripts.paintings.canvas import (
    Field,
    Shape,
    color,
    coordinates,
    fractal_noise,
    smooth_noise,
    smoothstep,
    soften,
    to_image,
)

SEED = 8
DETAIL = 2
LINE = 9.2  # pixels from one cut to the next
PAPER, INK = color("f1dfb8"), color("1a1b2b")
VERMILION, TEAL, OCHRE = color("d6482a"), color("2f8f8b"), color("eeb03f")
MOON = 0.86, 0.27
RIVER = 0.74


@dataclass
class Block:
    """What is cut: `phase` counts lines [H, W], `tone` is the share of ink 0..1, `inks` the shares of colour blocks."""

    phase: Field
    tone: Field
    vermilion: Field
    teal: Field
    ochre: Field

    def part(self, window: tuple[slice, slice]) -> "Block":
        """The same block, seen through a window: what is cut there is cut here."""
        return Block(*(getattr(self, field.name)[window] for field in fields(self)))

    def lay(self, where: NDArray[np.bool_], phase: Field, tone: Field, block: str | None) -> None:
        self.phase[where] = phase[where]
        self.tone[where] = tone[where]
        for name in ("vermilion", "teal", "ochre"):
            getattr(self, name)[where] = float(name == block)


def paint(shape: Shape) -> Image.Image:
    """The print as an image of `shape` = (height, width) pixels."""
    rng = np.random.default_rng(SEED)
    large = shape[0] * DETAIL, shape[1] * DETAIL
    block = cut_block(rng, large)
    return to_image(pull(rng, block), shape)


def cut_block(rng: np.random.Generator, shape: Shape) -> Block:
    x, y = coordinates(shape)
    lines = shape[0] / (LINE * DETAIL)  # per height of the canvas
    drift = fractal_noise(rng, shape, 0.30 * shape[0], 2, stretch=1.6)
    block = Block(*(np.zeros(shape) for _ in range(5)))
    _sky(block, x, y, lines, drift)
    _mountains(block, x, y, lines, drift)
    _river(block, x, y, lines, drift)
    for pine in ((0.23, 0.86, 0.34), (0.13, 0.90, 0.78), (0.335, 0.88, 0.46), (1.03, 0.87, 0.30), (1.14, 0.89, 0.56)):
        _pine(block, x, y, lines, pine)
    _bank(block, x, y, lines, drift)
    return block


def _sky(block: Block, x: Field, y: Field, lines: float, drift: Field) -> None:
    radius = np.hypot(x - MOON[0], y - MOON[1])
    turn = np.arctan2(y - MOON[1], x - MOON[0])
    swirl = radius + 0.020 * drift + 0.012 * np.sin(5 * turn + 14 * radius)
    everywhere = np.ones(x.shape, bool)
    glow = 0.16 + 0.62 * smoothstep(0.12, 0.75, radius + 0.03 * drift)
    block.lay(everywhere, swirl * lines, glow, "teal")
    block.lay(radius < 0.30 + 0.02 * drift, swirl * lines, glow, "ochre")
    # Clouds: scrolls of lines about centres of their own.
    for center_x, center_y, size in (
        (0.30, 0.13, 0.15), (0.47, 0.19, 0.12), (0.14, 0.22, 0.11), (1.17, 0.10, 0.13), (1.05, 0.02, 0.10),
        (0.60, 0.06, 0.09), (0.58, 0.37, 0.10), (0.44, 0.41, 0.08), (1.20, 0.40, 0.10), (0.02, 0.06, 0.12),
    ):  # fmt: skip
        u, v = (x - center_x) / size, (y - center_y) / size * 1.35
        puff, around = np.hypot(u, v), np.arctan2(v, u)
        inside = puff < 0.92 + 0.20 * np.abs(np.sin(3 * around + 9 * center_x))
        spiral = puff * size + around / (2 * np.pi) / lines * 2
        shade = 0.13 + 0.75 * smoothstep(0.35, 1.0, puff) * smoothstep(-0.7, 0.9, v + 0.3 * u)
        block.lay(inside, spiral * lines, shade, None)
    disc = radius < 0.118
    weight = 0.45 * smoothstep(-0.05, 0.11, y - MOON[1] + 0.2 * (x - MOON[0]))
    block.lay(disc, (y + 0.006 * np.sin(50 * x)) * lines, weight, "vermilion")
    block.lay((radius >= 0.118) & (radius < 0.127), y * lines, np.ones(x.shape), None)


def _mountains(block: Block, x: Field, y: Field, lines: float, drift: Field) -> None:
    for base, tall, pace, phase, ink, lean in (
        (0.56, 0.20, 2.9, 0.9, "vermilion", 0.9),
        (0.63, 0.15, 4.3, 2.5, "teal", -0.8),
        (0.70, 0.10, 5.7, 4.4, "ochre", 0.7),
    ):
        saw = np.abs(((x * pace / np.pi + phase) % 2) - 1)
        crag = 0.018 * np.abs(np.sin(17 * x + phase)) + 0.010 * np.sin(43 * x + 2 * phase)
        ridge = base - tall * (0.25 + 0.75 * saw**1.3) - crag
        inside = (y > ridge) & (y < RIVER + 0.02)
        face = np.sign(((x * pace / np.pi + phase) % 2) - 1)
        depth = y - ridge
        strata = (x * lean * face + 0.9 * y + 0.02 * np.sin(25 * depth) + 0.012 * drift) * lines
        tone = np.where(face > 0, 0.74, 0.20) - 0.30 * smoothstep(0.0, 0.16, depth) + 0.16 * drift
        block.lay(inside, strata, np.clip(tone, 0.08, 0.9), ink)
        block.lay(inside & (depth < 0.007), strata, np.ones(x.shape), ink)


def _river(block: Block, x: Field, y: Field, lines: float, drift: Field) -> None:
    inside = y > RIVER
    depth = np.clip(y - RIVER, 0, 1)
    wave = y + (0.004 + 0.05 * depth) * np.sin(13 * x + 26 * y + drift) + 0.006 * np.sin(37 * x - 9 * y)
    tone = 0.48 + 0.28 * np.sin(11 * x + 60 * y + 1.5 * drift)
    shine = np.exp(-(((x - MOON[0]) / (0.07 + 0.16 * depth)) ** 2))
    tone = np.clip(tone * (1 - 0.75 * shine), 0.06, 0.9)
    block.lay(inside, wave * lines * 0.85, tone, "teal")
    streaks = np.sin(wave * 2 * np.pi * lines * 0.85 / 3) > 0.1
    ragged = shine * (1 + 0.35 * np.sin(90 * y) + 0.20 * drift)
    block.lay(inside & (ragged > 0.30) & ~streaks, wave * lines * 0.85, tone, "ochre")
    block.lay(inside & (ragged > 0.52) & streaks, wave * lines * 0.85, tone * 0.6, "vermilion")
    glints = np.sin(21 * x + 5 * np.sin(48 * wave) + drift) > 0.72
    block.lay(inside & glints & (ragged < 0.3), wave * lines * 0.85, tone * 0.5, None)
    block.lay(inside & (depth < 0.008), wave * lines, np.ones(x.shape), None)


def _pine(block: Block, x: Field, y: Field, lines: float, at: tuple[float, float, float]) -> None:
    """A trunk and tiers of hanging branches; their needles are cut as short lines that fan out from the trunk."""
    trunk, foot, tall = at
    rows = x.shape[0]
    window = np.s_[
        max(0, int((foot - tall - 0.02) * rows)) : int((foot + 0.02) * rows),
        max(0, int((trunk - 0.33 * tall) * rows)) : int((trunk + 0.33 * tall) * rows),
    ]
    block, x, y = block.part(window), x[window], y[window]
    bend = trunk + 0.015 * np.sin(5 * (foot - y) / tall)
    stem = (np.abs(x - bend) < 0.016 * tall * (1.2 - (foot - y) / tall)) & (y < foot) & (y > foot - tall)
    block.lay(stem, (x - bend) * lines * 1.2 + 0.2, np.full(x.shape, 0.8), "vermilion")
    tiers = 9
    for tier in range(tiers):
        top = foot - tall + tall * 0.80 * tier / tiers
        spread = tall * (0.06 + 0.24 * (tier + 1) / tiers)
        u, v = (x - bend) / spread, (y - top) / (tall * 0.20)
        hang = 0.25 + 0.75 * np.abs(u) ** 1.3 + 0.10 * np.sin(19 * u + 2.4 * tier)
        inside = (np.abs(u) < 1) & (v > hang - 0.42 * (1 - np.abs(u)) - 0.22) & (v < hang + 0.06 * np.sin(31 * u))
        fan = (np.abs(u) * spread * 1.3 - 0.55 * (y - top)) * lines * np.sign(u)
        lit = 0.86 - 0.50 * smoothstep(0.05, -0.3, v - hang + 0.10) - 0.12 * np.sign(u)
        block.lay(inside, fan, np.clip(lit, 0.1, 0.95), "teal")
        moonlit = inside & (np.sign(MOON[0] - trunk) * u > 0.12) & (v < hang - 0.16)
        block.lay(moonlit, fan, np.clip(lit, 0.1, 0.95), "ochre")
        block.lay(inside & (v > hang - 0.09), fan, np.ones(x.shape), "teal")


def _bank(block: Block, x: Field, y: Field, lines: float, drift: Field) -> None:
    for edge, ink in ((0.79 + 0.24 * x + 0.015 * np.sin(9 * x), "ochre"), (0.79 + 0.33 * (1.25 - x), "vermilion")):
        rim = edge + 0.008 * np.sin(70 * x) + 0.006 * drift
        inside = y > rim
        grass = (0.95 * x + 0.35 * y + 0.04 * np.sin(9 * y + 6 * x) + 0.012 * drift) * lines
        tone = np.clip(0.72 - 2.2 * (y - rim) + 0.25 * drift, 0.15, 0.92)
        block.lay(inside, grass, tone, ink)
        block.lay(inside & (y < rim + 0.008), grass, np.ones(x.shape), ink)


def pull(rng: np.random.Generator, block: Block) -> Field:
    """Prints the blocks: colours first, a little out of register, then the key block's ink."""
    shape = (block.tone.shape[0], block.tone.shape[1])
    grain = fractal_noise(rng, shape, 6 * DETAIL, 3, stretch=7)
    sheet = PAPER * (1 + 0.025 * fractal_noise(rng, shape, 10, 3)[..., None])
    for name, ink, shift in (("ochre", OCHRE, (1, -2)), ("teal", TEAL, (-2, 1)), ("vermilion", VERMILION, (2, 2))):
        plate = _shifted(soften(getattr(block, name), 1.5), *shift)
        cover = smoothstep(0.35, 0.65, plate) * (0.86 + 0.06 * grain)
        sheet = sheet * (1 - cover[..., None] * (1 - ink))
    ink = key_block(rng, block)[..., None] * (0.95 + 0.025 * grain[..., None])
    return sheet * (1 - ink) + INK * ink


def _shifted(field: Field, down: int, right: int) -> Field:
    """The field moved by a few pixels; what comes in at the borders continues them."""
    margin = 4
    padded = np.pad(field, margin, mode="edge")
    rows, columns = field.shape
    return padded[margin - down : margin - down + rows, margin - right : margin - right + columns]


def key_block(rng: np.random.Generator, block: Block) -> Field:
    """Share of black ink [H, W]. A line swells and thins with the tone and with the hand that cuts it."""
    shape = (block.tone.shape[0], block.tone.shape[1])
    hand = 0.07 * smooth_noise(rng, shape, 9 * DETAIL) + 0.10 * smooth_noise(rng, shape, 40 * DETAIL)
    tone = np.clip(soften(block.tone, 2.0) + np.where((block.tone > 0) & (block.tone < 1), hand, 0), 0, 1)
    ridge = np.abs(2 * (block.phase % 1) - 1)  # 0 in the middle of a line, 1 between lines
    edge = 1.2 / (LINE * DETAIL)
    lines = smoothstep(edge, -edge, ridge - tone)
    solid = smoothstep(0.93, 0.99, soften(block.tone, 1.0))
    return np.where(block.tone <= 0, 0, np.maximum(lines, solid))
