"""Sun over the sea: a mosaic of glass and gold, its tesserae laid in rows along the forms.

Tiles are the cells of a Voronoi diagram whose distance is measured square to each tile's row (Hausner, Simulating
Decorative Mosaics, SIGGRAPH 2001), relaxed until they fill the plane evenly; cells give way at the edges of the forms.
"""

from dataclasses import dataclass

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
    shade,
    slopes,
    smooth_noise,
    smoothstep,
    soften,
    to_image,
)
from scripts.paintings.voronoi import Seeds, cells, sample

SEED = 11
TILE = 13  # pixels a side
RELAXATIONS = 9
DETAIL = 2  # painted at this many times the size
GROUT, BEVEL = 2.0, 2.8  # pixels between tiles; pixels of a tile's rounded edge
MORTAR = color("2e2622")

# Of each form: its glasses, darkest first; a tile takes one by chance and by where it lies.
SMALTI = {
    "heart": colors("f3d98c fae8b4 fdf3d2"),
    "gold": colors("d99a1e f0bd3a ffd966"),
    "ember": colors("b3261b d8401f f0702a"),
    "wine": colors("5b0f1c 7d1622 9c2026"),
    "ray": colors("e9a92f f6cd5c ffe79a"),
    "air": colors("1d8f98 35b0ae 62cbbf"),
    "haze": colors("d98d4a ecb06a f6cf92"),
    "cliff": colors("6b1420 96202a bb3a2f"),
    "ridge": colors("2b1733 43204a 5d2c5c"),
    "foam": colors("b4ddd2 d3ece0 eef6e6"),
    "shallow": colors("27a39f 4fc1b2 86dbc6"),
    "wave": colors("0d6b80 13839a 1c9db0"),
    "deep": colors("0b2350 10336b 174a88"),
    "scale": colors("d0341f ee6423 ffa630"),
}
FORMS = list(SMALTI)


@dataclass(frozen=True)
class Design:
    """The cartoon beneath the tiles: which form each pixel belongs to, and which way rows run there (radians)."""

    form: NDArray[np.intp]
    angle: Field


def paint(shape: Shape) -> Image.Image:
    """The mosaic as an image of `shape` = (height, width) pixels."""
    rng = np.random.default_rng(SEED)
    design = draw_design(shape)
    sites = relax(scatter(rng, shape), design)
    fine = shape[0] * DETAIL, shape[1] * DETAIL
    angle = sample(design.angle, sites)
    owner, nearest, second = cells(Seeds(sites * DETAIL, angle), fine, TILE * DETAIL)
    height = smoothstep(0, BEVEL * DETAIL, second - nearest - GROUT * DETAIL)
    glass = tile_colors(rng, design, sites)[owner]
    return to_image(_light(rng, glass, height, owner, len(sites)), shape)


def draw_design(shape: Shape) -> Design:
    x, y = coordinates(shape)
    form = np.zeros(shape, np.intp)
    angle = np.zeros(shape)

    def lay(where: NDArray[np.bool_], name: str | NDArray[np.intp], rows: Field) -> None:
        """`rows` is constant along a row of tiles."""
        right, down = slopes(rows)
        chosen = np.full(shape, FORMS.index(name)) if isinstance(name, str) else name
        form[where] = chosen[where]
        angle[where] = np.arctan2(down, right)[where]

    everywhere = np.ones(shape, bool)
    sun_x, sun_y = 0.80, 0.34
    radius = np.hypot(x - sun_x, y - sun_y)
    turn = np.arctan2(y - sun_y, x - sun_x) + 1.1 * radius + 0.1 * np.sin(9 * radius)
    sector = np.floor(turn / (2 * np.pi) * 22).astype(int) % 4
    rays = np.array([FORMS.index(name) for name in ("air", "ray", "wave", "haze")])[sector]
    lay(everywhere, rays, radius)
    for outer, name in ((0.205, "haze"), (0.175, "wine"), (0.150, "ember"), (0.112, "gold"), (0.058, "heart")):
        lay(radius < outer, name, radius)
    _lay_land(lay, x, y)
    _lay_sea(lay, x, y)
    for fish_x, fish_y, size, way in ((0.34, 0.83, 0.105, 1), (0.93, 0.86, 0.085, -1), (0.66, 0.93, 0.06, 1)):
        _lay_fish(lay, (x - fish_x) * way / size, (y - fish_y) / size + 0.25 * np.sin((x - fish_x) * way / size))
    return Design(form, angle)


def _lay_land(lay, x: Field, y: Field) -> None:
    far = 0.50 - 0.10 * np.exp(-(((x - 0.30) / 0.16) ** 2)) - 0.05 * np.exp(-(((x - 0.62) / 0.1) ** 2)) + 0.02 * x
    near = 0.47 + 0.55 * np.clip(x - 0.02, 0, None) ** 1.3 - 0.02 * np.sin(14 * x)
    lay(y > far, "ridge", y - far)
    lay(y > far + 0.035, "cliff", y - far)
    lay((y > near) & (x < 0.5), "wine", y - near)
    lay((y > near + 0.03) & (x < 0.5), "ember", y - near)
    lay((y > near + 0.075) & (x < 0.5), "cliff", y - near)


def _lay_sea(lay, x: Field, y: Field) -> None:
    shore = 0.585 + 0.012 * np.sin(9 * x + 1)
    swell = y + 0.030 * np.sin(8.5 * x + 9 * y) + 0.012 * np.sin(19 * x - 11 * y + 1)
    band = np.floor((swell - 0.56) / 0.036).astype(int)
    order = ["foam", "shallow", "wave", "deep", "wave", "foam", "shallow", "deep", "wave", "deep", "deep", "shallow"]
    names = np.array([FORMS.index(name) for name in order])[np.clip(band, 0, None) % len(order)]
    lay(y > shore, names, swell)
    glitter = (np.abs(x - 0.80 + 0.03 * np.sin(40 * y)) < 0.10 - 0.12 * (y - 0.6)) & (np.sin(y * 150) > 0.25)
    lay((y > shore) & glitter & (y < 0.82), "gold", swell)


def _lay_fish(lay, u: Field, v: Field) -> None:
    """A fish in its own coordinates: nose at u = 1, tail at u = -1.5."""
    body = 0.42 * (1 - np.clip(u, -1, 1) ** 2) ** 0.8
    inside = (np.abs(u) < 1) & (np.abs(v) < body)
    tail = (u < -0.82) & (u > -1.5) & (np.abs(v) < 0.1 + 0.75 * (-0.82 - u))
    lay(((np.abs(u) < 1.12) & (np.abs(v) < body + 0.12)) | tail, "deep", v)
    lay(tail, "scale", v)
    lay(inside, "scale", v)
    lay(inside & (np.abs(v) < 0.10), "gold", v)
    lay(inside & (u > 0.42), "ember", u)
    lay(np.hypot(u - 0.62, v + 0.06) < 0.14, "foam", np.hypot(u - 0.62, v + 0.06))


def scatter(rng: np.random.Generator, shape: Shape) -> Field:
    """Tile centres [n, 2] as (row, column), one for each tile's area, by chance."""
    count = round(shape[0] * shape[1] / TILE**2)
    return rng.uniform((0, 0), shape, (count, 2))


def relax(sites: Field, design: Design) -> Field:
    """Moves each centre to the middle of its cell, a few times; pixels at the edges of forms belong to no cell."""
    shape = design.form.shape
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    edge = np.zeros(shape, bool)
    edge[1:] |= design.form[1:] != design.form[:-1]
    edge[:, 1:] |= design.form[:, 1:] != design.form[:, :-1]
    weight = np.where(soften(edge.astype(float), 1.5) > 0.06, 0.02, 1.0).ravel()
    for _ in range(RELAXATIONS):
        owner = cells(Seeds(sites, sample(design.angle, sites)), (shape[0], shape[1]), TILE)[0].ravel()
        total = np.bincount(owner, weight, len(sites))
        kept = total > 0
        for axis, position in enumerate((rows, columns)):
            moved = np.bincount(owner, weight * position.ravel(), len(sites))
            sites[kept, axis] = moved[kept] / total[kept]
    return sites


def tile_colors(rng: np.random.Generator, design: Design, sites: Field) -> Field:
    """[n, 3]: a glass of the tile's form; neighbours lean the same way, and no two are cut from the same cake."""
    form = sample(design.form, sites)
    lean = sample(fractal_noise(rng, design.form.shape, 60, 2), sites)
    pick = np.clip(np.round(1 + 0.75 * lean + rng.normal(0, 0.55, len(sites))), 0, 2).astype(int)
    chosen = np.stack([SMALTI[name] for name in FORMS])[form, pick]
    return chosen * rng.normal(1, 0.055, (len(sites), 1)) + rng.normal(0, 0.012, (len(sites), 3))


def _light(rng: np.random.Generator, glass: Field, height: Field, owner: NDArray[np.intp], count: int) -> Field:
    """Each tile sits at a slant of its own, as tesserae pressed by hand do; mortar lies in the tiles' shadow."""
    shape = height.shape
    tilt = rng.normal(0, 0.13, (2, count))[:, owner]
    ripple = smooth_noise(rng, shape, 9) * 0.35 + smooth_noise(rng, shape, 5) * 0.08
    right, down = slopes(soften(height, 1.0) * 3.2 + ripple * 0.35)
    diffuse, glossy = shade(right + tilt[0], down + tilt[1], 40)
    cloud = 1 + 0.035 * ripple[..., None]
    tiles = glass * (0.30 + 0.70 * diffuse[..., None]) * cloud + 0.26 * glossy[..., None] ** 2
    shadow = 1 - 0.45 * np.roll(soften(height, 2.5), (3, 2), (0, 1))
    mortar = MORTAR * (1.5 + 0.15 * smooth_noise(rng, shape, 6))[..., None] * shadow[..., None]
    cover = smoothstep(0.02, 0.35, height)[..., None]
    return tiles * cover + mortar * (1 - cover)
