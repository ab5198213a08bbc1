"""The paintings by name, and how they are written to files."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from scripts.paintings import impasto, mosaic, stained_glass, woodcut

# A style is fitted with its shorter side at 600 pixels: painted at that size, it is used as it is.
SHAPE = 600, 750
# Of a JPEG file: the best of these that stays below MAX_BYTES.
QUALITIES = 88, 86, 84, 82, 80
MAX_BYTES = 200_000

PAINTINGS: dict[str, Callable[[tuple[int, int]], Image.Image]] = {
    "impasto": impasto.paint,
    "mosaic": mosaic.paint,
    "stained-glass": stained_glass.paint,
    "woodcut": woodcut.paint,
}


def save(name: str, folder: Path) -> Path:
    """Paints `name` and writes it to `folder`; returns the file."""
    image = PAINTINGS[name](SHAPE)
    data = jpeg(image)
    path = folder / f"{name}.jpg"
    path.write_bytes(data)
    return path


def jpeg(image: Image.Image, qualities: Sequence[int] = QUALITIES, max_bytes: int = MAX_BYTES) -> bytes:
    """A JPEG file of the first of `qualities` that fits in `max_bytes`. Raises ValueError where none does."""
    for quality in qualities:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if len(file.getvalue()) <= max_bytes:
            return file.getvalue()
    raise ValueError(f"a picture of {image.width}x{image.height} does not fit in {max_bytes:,} bytes; make it smaller")
