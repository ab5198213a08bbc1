"""Reads a style image: someone's upload, so every limit is checked before its pixels are decoded."""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from gpu_task.failures import HopelessError

# A 100-megapixel scan takes 300 MB as RGB; a style is used at a few hundred pixels a side.
MAX_PIXELS = 100_000_000
MIN_SIDE = 64
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")


class StyleImageError(HopelessError):
    """The image cannot be used as a style; the message says why and what would do."""


def read_style_image(data: bytes, name: str, shorter_side: int, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """RGB [H, W, 3], turned upright by its EXIF orientation, its shorter side `shorter_side` pixels.

    Transparent pixels are laid over white, as a canvas would be.

    Raises:
        StyleImageError: no image of a known format, too small, too large, or damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is stricter
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_size(image, name, max_pixels)
            image = ImageOps.exif_transpose(image)
            image = _to_rgb(image)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise StyleImageError(f"style {name}: not a readable image ({error}); give {', '.join(FORMATS)}") from error
    scale = shorter_side / min(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise StyleImageError(f"style {name}: {width}x{height} is more than {max_pixels:,} pixels; give a smaller copy")
    if min(width, height) < MIN_SIDE:
        raise StyleImageError(f"style {name}: {width}x{height} is too small; its shorter side needs {MIN_SIDE} pixels")
    if max(width, height) > 8 * min(width, height):
        raise StyleImageError(f"style {name}: {width}x{height} is longer than 8 to 1; crop it")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, "white")
        canvas.alpha_composite(image.convert("RGBA"))
        image = canvas
    return image.convert("RGB")
