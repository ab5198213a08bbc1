"""The paintings by name, and how they are written to files."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from scripts.paintings import impasto, mosaic, stained_glass

# A style is fitted with its shorter side at 600 pixels: painted at that size, it is used as it is.
SHAPE = 600, 750
QUALITY = 87

PAINTINGS: dict[str, Callable[[tuple[int, int]], Image.Image]] = {
    "impasto": impasto.paint,
    "mosaic": mosaic.paint,
    "stained-glass": stained_glass.paint,
}


def save(name: str, folder: Path) -> Path:
    """Paints `name` and writes it to `folder`; returns the file."""
    path = folder / f"{name}.jpg"
    PAINTINGS[name](SHAPE).save(path, quality=QUALITY, optimize=True, progressive=True)
    return path
