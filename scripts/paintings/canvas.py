"""What all paintings share: coordinates, noise, light, colour. Images are float arrays [H, W, 3] in 0..1, sRGB.

A scene is laid out in units of the canvas's height, strokes and tiles in pixels: a smaller canvas shows the same scene
in fewer strokes.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

type Field = NDArray[np.float64]
type Shape = tuple[int, int]


def coordinates(shape: Shape) -> tuple[Field, Field]:
    """x and y of each pixel's centre [H, W]; y runs from 0 to 1 downwards, x from 0 to width / height."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width] + 0.5
    return x / height, y / height


def smooth_noise(rng: np.random.Generator, shape: Shape, cell: float, stretch: float = 1) -> Field:
    """Bicubic noise of mean 0 and deviation 1 [H, W]; its blobs are `cell` pixels high, `stretch` times as wide."""
    height, width = shape
    grid = rng.standard_normal((max(2, round(height / cell) + 1), max(2, round(width / (cell * stretch)) + 1)))
    blown_up = Image.fromarray(grid.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    field = np.asarray(blown_up, dtype=np.float64)
    return (field - field.mean()) / (field.std() + 1e-9)


def fractal_noise(rng: np.random.Generator, shape: Shape, cell: float, octaves: int, stretch: float = 1) -> Field:
    """Noise of ever finer detail, each octave half as strong; mean 0, deviation 1 [H, W]."""
    total = sum(smooth_noise(rng, shape, cell / 2**octave, stretch) / 2**octave for octave in range(octaves))
    return np.asarray(total) / np.std(total)


def soften(field: Field, sigma: float) -> Field:
    """Gaussian blur of a field [H, W], reflected at its borders."""
    margin = min(int(3 * sigma) + 1, *field.shape)
    padded = np.pad(field, margin, mode="symmetric")
    rows, columns = np.fft.fftfreq(padded.shape[0])[:, None], np.fft.rfftfreq(padded.shape[1])[None]
    transfer = np.exp(-2 * (np.pi * sigma) ** 2 * (rows**2 + columns**2))
    blurred = np.fft.irfft2(np.fft.rfft2(padded) * transfer, s=padded.shape)
    return blurred[margin:-margin, margin:-margin]


def smoothstep(low: float, high: float, value: Field) -> Field:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def shade(slope_x: Field, slope_y: Field, gloss: float = 24) -> tuple[Field, Field]:
    """Diffuse and glossy light [H, W] on a surface of these slopes, lit from the upper left; flat is 1 and about 0."""
    light = np.array([-0.5, -0.6, 0.75])
    light /= np.linalg.norm(light)
    halfway = light + np.array([0, 0, 1])
    halfway /= np.linalg.norm(halfway)
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    diffuse = (-slope_x * light[0] - slope_y * light[1] + light[2]) / length
    glossy = np.clip((-slope_x * halfway[0] - slope_y * halfway[1] + halfway[2]) / length, 0, 1) ** gloss
    return np.clip(diffuse, 0, None) / light[2], glossy


def slopes(height: Field) -> tuple[Field, Field]:
    """Rise per pixel to the right and downwards."""
    return np.asarray(np.gradient(height, axis=1)), np.asarray(np.gradient(height, axis=0))


def color(code: str) -> Field:
    """RGB in 0..1 of `rrggbb`."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255


def colors(codes: str) -> Field:
    """[n, 3] of space-separated `rrggbb`."""
    return np.stack([color(code) for code in codes.split()])


def ramp(stops: Field, where: Field) -> Field:
    """Colours [..., 3] along evenly spaced `stops` [n, 3]; `where` runs from 0 to 1."""
    positions = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(where, positions, stops[:, channel]) for channel in range(3)], axis=-1)


def to_image(rgb: Field, shape: Shape) -> Image.Image:
    """8-bit, scaled to `shape` = (height, width): paintings are made larger than shown, for clean edges."""
    image = Image.fromarray((np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8))
    return image.resize((shape[1], shape[0]), Image.Resampling.HAMMING)
