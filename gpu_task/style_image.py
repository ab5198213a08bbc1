"""Reads a style image: someone's upload, so every limit is checked before its pixels are decoded."""

import io
import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, JpegImagePlugin, UnidentifiedImageError

from contracts.styles import STYLE_FORMATS, STYLE_MAX_RATIO, STYLE_MIN_SIDE
from gpu_task.failures import HopelessError

log = logging.getLogger(__name__)

# A 100-megapixel scan takes 300 MB as RGB; a style is used at a few hundred pixels a side.
MAX_PIXELS = 100_000_000
# What Pillow raises at files that are cut off or lie about themselves; TypeError where a TIFF's tag has an odd type.
DAMAGED = (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, OverflowError, struct.error, TypeError)
# What each value of the EXIF tag asks for; 1 is upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class StyleImageError(HopelessError):
    """The image cannot be used as a style; the message says why and what would do."""


def read_style_image(data: bytes, name: str, shorter_side: int, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """RGB [H, W, 3] in sRGB, turned upright by its EXIF orientation, its shorter side `shorter_side` pixels.

    Transparent pixels are laid over white, as a canvas would be; of an animation the first frame is taken.

    Raises:
        StyleImageError: no image of a known format, too small, too large, too long, damaged, or of a kind of pixels
            that is not understood.
    """
    try:
        with _limits_of_ours():
            image = Image.open(io.BytesIO(data), formats=STYLE_FORMATS)
            _check_size(image, name, max_pixels)
            scale = shorter_side / min(image.size)
            size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
            if isinstance(image, JpegImagePlugin.JpegImageFile):
                # Decoded at a half, a quarter or an eighth, whichever still is twice what is wanted: less memory.
                image.draft(None, (2 * size[0], 2 * size[1]))
            image.load()
            about, orientation = image.info, image.getexif().get(ExifTags.Base.Orientation)
            image = _known_mode(image, name).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
            if orientation in UPRIGHT:
                image = image.transpose(UPRIGHT[orientation])
            return np.asarray(_over_white(image, about, name))
    except DAMAGED as error:
        raise StyleImageError(f"style {name}: not a readable image ({error}); give {_formats()}") from error


def _formats() -> str:
    return ", ".join(STYLE_FORMATS)


@contextmanager
def _limits_of_ours() -> Iterator[None]:
    """Pillow's own limit on pixels is put aside, since ours may be above or below it; its words on odd metadata too."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise StyleImageError(f"style {name}: {width}x{height} is more than {max_pixels:,} pixels; give a smaller copy")
    if min(width, height) < STYLE_MIN_SIDE:
        raise StyleImageError(
            f"style {name}: {width}x{height} is too small; its shorter side needs {STYLE_MIN_SIDE} pixels"
        )
    if max(width, height) > STYLE_MAX_RATIO * min(width, height):
        raise StyleImageError(f"style {name}: {width}x{height} is longer than {STYLE_MAX_RATIO} to 1; crop it")


def _known_mode(image: Image.Image, name: str) -> Image.Image:
    """The image as RGB, RGBA, L or CMYK: what can be resized and has a meaning in a colour profile."""
    if image.mode.startswith("I;16"):
        # Pillow would clip these to 255 and not scale them.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise StyleImageError(f"style {name}: pixels of 32 bits a channel; save it with 8 or 16")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")


def _over_white(image: Image.Image, about: dict[str | tuple[int, int], Any], name: str) -> Image.Image:
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    image = image.convert("RGB") if alpha else image
    image = _to_srgb(image, about.get("icc_profile"), name)
    if alpha is None:
        return image
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=alpha)
    return canvas


def _to_srgb(image: Image.Image, profile: bytes | None, name: str) -> Image.Image:
    """A painting scanned in Adobe RGB, or separated for print, keeps its colours.

    A profile that is damaged or is not of this kind of image is passed over with a warning, as browsers do.
    """
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            found = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            assert found is not None
            return found
        except (ImageCms.PyCMSError, OSError) as error:
            log.warning("style %s: its colour profile cannot be used (%s); its colours are taken for sRGB", name, error)
    return image.convert("RGB")
