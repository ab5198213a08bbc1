"""Garden with a river: a leaded window seen against the light.

Forms are cut into panes, the cells of a Voronoi diagram kept within each form; petals and rings are panes of their own.
Glass is streaked, brighter towards each pane's middle; lead is a rounded ridge, soldered thicker where lines meet.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
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
from scripts.paintings.voronoi import Seeds, cells, sample

SEED = 3
PANE = 22.0  # pixels, across
STRETCH = 1.7
RELAXATIONS = 4
DETAIL = 2
LEAD, OUTLINE = 1.5, 2.6  # half the width of a lead between panes, and around forms; pixels
CAME = color("17141c")

# Of each glass: sheets from thick to thin.
GLASS = {
    "sun": colors("ffc83c ffd75a ffe68a fff6c8"),
    "halo": colors("d9480f f57c12 ffa62b ffc75a"),
    "dawn": colors("f2962f ffc268 ffe2a0 fff3cf"),
    "rose": colors("b52a63 e0568c f497b0 ffc9c0"),
    "sky": colors("0a2a8f 1450c4 2f84ea 7cc0f5"),
    "night": colors("070d45 14187a 2b2a9c 4a3fb8"),
    "violet": colors("2f0f66 56239a 8444c0 b98be0"),
    "far": colors("063f4a 0c6a70 1f9a90 74cdb0"),
    "near": colors("05401f 0c6a2e 1f9440 7cc44a"),
    "meadow": colors("2f7a18 6fae1f b5cf35 ecdf6a"),
    "river": colors("1f78c8 45aee4 8fdaf0 dcf7f4"),
    "leaf": colors("03301a 075a2a 12803a 46a84c"),
    "ruby": colors("5e0312 9a0a1b d4182a f2504a"),
    "magenta": colors("6e0a4a a81668 d63d8c f38abf"),
    "amber": colors("c45a04 f08c0c ffb526 ffdc70"),
}


@dataclass
class Cartoon:
    """The drawing beneath the lead.

    `form` [H, W] numbers the forms; each has a glass, and is cut into panes along `angle` or left whole.
    """

    form: NDArray[np.intp]
    angle: Field
    glass: list[str] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)

    def lay(self, where: NDArray[np.bool_], glass: str, lines: Field, whole: bool = False) -> None:
        """A new form; its panes lie along the lines on which `lines` is constant."""
        right, down = slopes(lines)
        self.form[where] = len(self.glass)
        self.angle[where] = np.arctan2(-right, down)[where]
        self.glass.append(glass)
        self.whole.append(whole)


def paint(shape: Shape) -> Image.Image:
    """The window as an image of `shape` = (height, width) pixels."""
    rng = np.random.default_rng(SEED)
    cartoon = draw_cartoon(shape)
    seeds = cut(rng, cartoon)
    large = shape[0] * DETAIL, shape[1] * DETAIL
    # The drawing again at full size, so that curves are smooth there.
    fine = draw_cartoon(large)
    owner = cells(Seeds(seeds.at * DETAIL, seeds.angle, STRETCH, seeds.form), large, PANE * DETAIL, fine.form)[0]
    pane = np.where(owner < 0, len(seeds.at) + fine.form, owner)
    lead = lead_height(pane, fine.form)
    light = stain(rng, cartoon, seeds)[pane] * texture(rng, pane, lead)[..., None]
    return to_image(_assemble(rng, light, lead), shape)


def draw_cartoon(shape: Shape) -> Cartoon:
    x, y = coordinates(shape)
    cartoon = Cartoon(np.zeros(shape, np.intp), np.zeros(shape))
    _sky(cartoon, x, y)
    _land(cartoon, x, y)
    for flower in (
        (0.17, 0.76, 0.150, 8, "magenta", "ruby"),
        (0.475, 0.865, 0.110, 7, "amber", "magenta"),
        (1.10, 0.73, 0.140, 8, "ruby", "violet"),
        (0.84, 0.90, 0.105, 7, "rose", "ruby"),
        (0.31, 0.985, 0.085, 6, "ruby", "amber"),
        (1.215, 0.965, 0.085, 6, "amber", "rose"),
    ):
        _flower(cartoon, x, y, *flower)
    return cartoon


def _sky(cartoon: Cartoon, x: Field, y: Field) -> None:
    sun_x, sun_y = 0.44, 0.27
    radius = np.hypot(x - sun_x, y - sun_y)
    turn = np.arctan2(y - sun_y, x - sun_x) + 0.9 * radius + 0.12 * np.sin(8 * radius)
    order = ("sky", "violet", "dawn", "night", "sky", "rose")
    sectors = 24
    sector = np.floor(turn / (2 * np.pi) * sectors).astype(int) % sectors
    for number in range(sectors):
        for ring, (inner, outer) in enumerate(((0.0, 0.36), (0.36, 0.62), (0.62, 9.9))):
            where = (sector == number) & (radius >= inner) & (radius < outer)
            cartoon.lay(where, order[(number + 2 * ring) % len(order)], turn)
    cartoon.lay(radius < 0.205, "halo", turn)
    cartoon.lay(radius < 0.150, "amber", turn)
    cartoon.lay(radius < 0.095, "sun", radius, whole=True)


def _land(cartoon: Cartoon, x: Field, y: Field) -> None:
    far = 0.50 - 0.09 * np.sin(3.6 * x + 0.6) - 0.03 * np.sin(9 * x)
    middle = 0.585 + 0.07 * np.sin(3.1 * x + 2.2)
    near = 0.665 - 0.05 * np.sin(4.2 * x - 0.4)
    for edge, glass in (
        (far, "far"),
        (far + 0.05, "violet"),
        (middle, "near"),
        (near, "meadow"),
        (near + 0.10, "leaf"),
    ):
        cartoon.lay(y > edge, glass, y - edge)
    cartoon.lay(y > near + 0.2, "near", y + 0.1 * np.sin(6 * x))
    course = 0.66 + 0.16 * np.sin(9.5 * (y - 0.5)) * (0.35 + (y - 0.5))
    bank = 0.018 + 0.20 * np.clip(y - 0.53, 0, 1)
    across = (x - course) / bank
    for outer, glass in ((1.25, "leaf"), (1.0, "sky"), (0.55, "river")):
        cartoon.lay((np.abs(across) < outer) & (y > 0.54), glass, across)


def _flower(
    cartoon: Cartoon, x: Field, y: Field, at_x: float, at_y: float, size: float, petals: int, inside: str, outside: str
) -> None:
    """Three wreaths of petals about an eye, on a stem with leaves."""
    u, v = (x - at_x) / size, (y - at_y) / size
    stem = np.abs(u + 0.25 * np.sin(1.6 * v)) < 0.11
    cartoon.lay(stem & (v > 0), "leaf", u)
    for side in (-1, 1):
        reach = np.hypot((u * side - 0.75) / 0.75, (v - 1.25 + 0.5 * u * side) / 0.3)
        cartoon.lay(reach < 1, "meadow" if side > 0 else "near", v + 0.5 * u * side)
    radius, turn = np.hypot(u, v), np.arctan2(v, u)
    for share, shift, glass in ((1.0, 0.0, outside), (0.74, 0.5, inside), (0.47, 0.0, outside)):
        place = (turn + 0.35 * radius) / (2 * np.pi) * petals + shift
        bulge = share * (0.72 + 0.28 * np.abs(np.sin(np.pi * place)) ** 0.7)
        for petal in range(petals):
            where = (np.floor(place).astype(int) % petals == petal) & (radius < bulge)
            cartoon.lay(where, glass, turn, whole=True)
    cartoon.lay(radius < 0.19, "sun", radius, whole=True)


def cut(rng: np.random.Generator, cartoon: Cartoon) -> Seeds:
    """Where panes lie: scattered by chance, moved apart within their forms; none in a form that is one pane."""
    shape = (cartoon.form.shape[0], cartoon.form.shape[1])
    at = rng.uniform((0, 0), shape, (round(shape[0] * shape[1] / (PANE**2 * STRETCH)), 2))
    at = at[~np.array(cartoon.whole)[sample(cartoon.form, at)]]
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    form = sample(cartoon.form, at)
    for _ in range(RELAXATIONS):
        owner = cells(Seeds(at, sample(cartoon.angle, at), STRETCH, form), shape, PANE, cartoon.form)[0]
        owned = owner >= 0
        total = np.maximum(np.bincount(owner[owned], minlength=len(at)), 1)
        at = np.stack([np.bincount(owner[owned], axis[owned], len(at)) / total for axis in (rows, columns)], axis=1)
    return Seeds(at, sample(cartoon.angle, at), STRETCH, form)


def stain(rng: np.random.Generator, cartoon: Cartoon, seeds: Seeds) -> Field:
    """Colour of each pane [seeds + forms, 3]: of its form's glasses, from sheets that never match quite."""
    assert seeds.form is not None
    form = np.concatenate([seeds.form, np.arange(len(cartoon.glass))])
    sheets = np.stack([GLASS[name] for name in cartoon.glass])[form]
    depth = np.clip(rng.beta(0.8, 0.9, len(form)), 0, 1)
    chosen = np.stack([ramp(sheet, np.array(where)) for sheet, where in zip(sheets, depth, strict=True)])
    return chosen * rng.normal(1, 0.06, (len(form), 1))


def lead_height(pane: NDArray[np.intp], form: NDArray[np.intp]) -> Field:
    """Height of the lead over the glass [H, W]: 0 on glass, up to 1 on the middle of a line."""
    return np.maximum(_ridge(_borders(pane), LEAD * DETAIL), _ridge(_borders(form), OUTLINE * DETAIL))


def _borders(label: NDArray[np.intp]) -> Field:
    edge = np.zeros(label.shape)
    edge[1:] += label[1:] != label[:-1]
    edge[:, 1:] += label[:, 1:] != label[:, :-1]
    return np.clip(edge, 0, 1)


def _ridge(edge: Field, half_width: float) -> Field:
    """Lines blurred, so that distance from them can be read off, and lines that meet flow together like solder."""
    sigma = half_width * 0.9
    peak = soften(edge, sigma) * sigma * np.sqrt(2 * np.pi)
    distance = sigma * np.sqrt(-2 * np.log(np.clip(peak, 1e-9, 1)))
    return np.sqrt(np.clip(1 - (distance / half_width) ** 2, 0, 1))


def texture(rng: np.random.Generator, pane: NDArray[np.intp], lead: Field) -> Field:
    """Light that passes the glass [H, W]: streaks along each pane's own direction, seeds and ripples, darker edges."""
    shape = (pane.shape[0], pane.shape[1])
    streaks = fractal_noise(rng, shape, 13 * DETAIL, 3, stretch=5)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    count = int(pane.max()) + 1
    area = np.maximum(np.bincount(pane.ravel(), minlength=count), 1)
    y, x = (axis - (np.bincount(pane.ravel(), axis.ravel(), count) / area)[pane] for axis in (y, x))
    turn = rng.uniform(0, 2 * np.pi, count)[pane]
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    shift = rng.integers(0, 4000, (2, count))[:, pane]
    streak = streaks[_folded(across + shift[0], shape[0]), _folded(along + shift[1], shape[1])]
    glow = 1 - soften((lead > 0).astype(float), 6 * DETAIL)
    wash = np.clip(across / (PANE * DETAIL), -1, 1)
    ripple = smooth_noise(rng, shape, 5 * DETAIL)
    return 0.66 + 0.50 * glow + 0.13 * streak + 0.12 * wash + 0.03 * ripple


def _folded(position: Field, size: int) -> NDArray[np.intp]:
    """Positions beyond a border, mirrored back into 0..size - 1."""
    return np.abs((position.astype(int) % (2 * size - 2)) - (size - 1))


def _assemble(rng: np.random.Generator, light: Field, lead: Field) -> Field:
    surface = soften(lead, 1.0) * 5 + 0.2 * smooth_noise(rng, lead.shape, 8)
    diffuse, glossy = shade(*slopes(surface), 20)
    came = CAME * (0.3 + 0.9 * diffuse[..., None]) + 0.30 * glossy[..., None] ** 2
    cover = smoothstep(0.05, 0.45, lead)[..., None]
    window = light * (1 - cover) + came * cover
    # Bright glass floods over the lead about it.
    flood = np.stack([soften(np.clip(light[..., band] - 0.25, 0, 1), 9 * DETAIL) for band in range(3)], axis=-1)
    return window * 0.96 + 0.13 * flood
