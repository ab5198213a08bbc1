"""Decoded frames as RGB arrays, and the size that results have."""

from typing import Any, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from contracts.video_index import VideoIndex
from media.color import SWSCALE_MATRIX, matrix_of

type Rgb = NDArray[np.uint8]  # [H, W, 3]


def output_size(index: VideoIndex, max_dimension: int | None = None) -> tuple[int, int]:
    """(width, height) of the result: the source's, or the longer side at most `max_dimension` with the aspect kept.

    Both are even, because 4:2:0 has one chroma sample for two by two pixels. A source with an odd side gains one
    replicated row or column rather than losing one: nothing of the picture is cut, and a player that shows it all
    shows one line twice.
    """
    longer = max(index.width, index.height)
    if max_dimension is None or longer <= max_dimension:
        return _even_up(index.width), _even_up(index.height)
    limit = max_dimension - max_dimension % 2
    if limit < 2:
        raise ValueError(f"max_dimension: {max_dimension} is too small; give at least 2")
    return _scaled(index.width, longer, limit), _scaled(index.height, longer, limit)


def to_rgb(frame: VideoFrame, size: tuple[int, int] | None = None) -> Rgb:
    """`frame` as uint8 RGB [H, W, 3], at `size` (width, height) or its own size.

    Follows the frame's colour matrix and range (8 to 16 bits, any chroma layout). Transparent pixels are laid over
    black. At the source's size rounded up to even the last row or column is repeated; at any other it is scaled.
    """
    width, height = size or (frame.width, frame.height)
    padded = (_even_up(frame.width), _even_up(frame.height))
    if (width, height) in ((frame.width, frame.height), padded):
        rgb = _convert(frame, frame.width, frame.height)
        missing = ((0, height - frame.height), (0, width - frame.width), (0, 0))
        return np.pad(rgb, missing, mode="edge") if (height, width) != rgb.shape[:2] else rgb
    return _convert(frame, width, height)


def _convert(frame: VideoFrame, width: int, height: int) -> Rgb:
    scaled = (width, height) != (frame.width, frame.height)
    alpha = any(component.is_alpha for component in frame.format.components) or frame.format.has_palette
    converted = frame.reformat(
        width=width,
        height=height,
        format="rgba" if alpha else "rgb24",
        src_colorspace=SWSCALE_MATRIX[matrix_of(frame.colorspace, frame.width, frame.height)],
        interpolation=Interpolation.BICUBIC if scaled else None,
    )
    pixels = cast(Any, converted.to_ndarray())
    return _over_black(pixels) if alpha else pixels


def _over_black(rgba: NDArray[np.uint8]) -> Rgb:
    alpha = rgba[..., 3:]
    if alpha.min() == 255:
        return np.ascontiguousarray(rgba[..., :3])
    # (x + 127) // 255 is x / 255 rounded to nearest, in integers.
    return ((rgba[..., :3].astype(np.uint16) * alpha + 127) // 255).astype(np.uint8)


def _even_up(value: int) -> int:
    return value + value % 2


def _scaled(value: int, longer: int, limit: int) -> int:
    return max(2, 2 * round(value * limit / longer / 2))
