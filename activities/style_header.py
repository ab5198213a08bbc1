"""The header of an uploaded style image: what it is and how large, before anyone decodes a pixel of it.

ValueError
  NoStyleImage: not an image that can be a style; the message says why and what would do
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, cast

from azure.core import MatchConditions
from azure.storage.blob import BlobClient
from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin
from PIL.Image import DecompressionBombError

from contracts.styles import STYLE_FORMATS, STYLE_MAX_RATIO, STYLE_MIN_SIDE
from media.ranged import RangedReader

# One request holds the header of nearly every image. A JPEG may carry megabytes of profiles before its size, and a
# TIFF its directory at the end; what takes more reading than this is no picture to paint like.
BLOCK_BYTES = 64 * 1024
MAX_HEADER_BYTES = 4 * 1024**2

type Opener = Callable[[BinaryIO], tuple[int, int]]


class NoStyleImage(ValueError):
    """The blob cannot be used as a style."""


@dataclass(frozen=True)
class StyleHeader:
    """Format as in `STYLE_FORMATS`, sizes in pixels."""

    format: str
    width: int
    height: int

    def require_usable(self) -> None:
        """Raises NoStyleImage for a picture too small or too long; a node would refuse it, minutes later."""
        shorter, longer = sorted((self.width, self.height))
        if shorter < STYLE_MIN_SIDE:
            raise NoStyleImage(
                f"{self.width}x{self.height} is too small; its shorter side needs {STYLE_MIN_SIDE} pixels"
            )
        if longer > STYLE_MAX_RATIO * shorter:
            raise NoStyleImage(f"{self.width}x{self.height} is longer than {STYLE_MAX_RATIO} to 1; crop it")


def read_style_header(blob: BlobClient, etag: str, size: int) -> StyleHeader:
    """The header of this very version of `blob`, by ranged reads of at most `MAX_HEADER_BYTES`.

    Raises:
        NoStyleImage: no image of a known format, or a damaged one.
        azure.core.exceptions.ResourceModifiedError: the blob was replaced meanwhile.
    """
    fetched = 0

    def read_range(offset: int, length: int) -> bytes:
        nonlocal fetched
        fetched += length
        if fetched > MAX_HEADER_BYTES:
            raise NoStyleImage(f"no size in the {MAX_HEADER_BYTES:,} bytes that were looked at; save it without extras")
        download = blob.download_blob(offset, length, etag=etag, match_condition=MatchConditions.IfNotModified)
        return cast(bytes, download.readall())

    with RangedReader(read_range, size, BLOCK_BYTES, name="style") as file:
        return header_of(cast(BinaryIO, file))


def header_of(file: BinaryIO) -> StyleHeader:
    """The header of the image in `file`, which is only read as far as needed.

    Raises:
        NoStyleImage: no image of a known format, or a damaged one.
    """
    start = file.read(32)
    file.seek(0)
    for format, (signatures, open_header) in _FORMATS.items():
        if any(start.startswith(signature) for signature in signatures):
            try:
                width, height = open_header(file)
            except (OSError, SyntaxError, ValueError, struct.error, DecompressionBombError) as error:
                if isinstance(error, NoStyleImage):
                    raise
                raise NoStyleImage(f"a damaged {format} ({error}); give {', '.join(STYLE_FORMATS)}") from error
            return StyleHeader(format, width, height)
    raise NoStyleImage(f"not an image; give {', '.join(STYLE_FORMATS)}")


def _webp_size(file: BinaryIO) -> tuple[int, int]:
    """Pillow reads all of a WebP to open it, so its 30 bytes are read here (RFC 9649, sections 2.5 to 2.7)."""
    start = file.read(30)
    if len(start) < 30 or start[8:12] != b"WEBP":
        raise ValueError("the file is cut off, or another kind of RIFF")
    kind, body = start[12:16], start[20:30]
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError(f"it begins with {kind!r}")


# The plugins themselves and not `Image.open`: that one warns and raises by a limit of Pillow's own.
_FORMATS: dict[str, tuple[tuple[bytes, ...], Opener]] = {
    "JPEG": ((b"\xff\xd8\xff",), lambda file: JpegImagePlugin.JpegImageFile(file).size),
    "PNG": ((b"\x89PNG\r\n\x1a\n",), lambda file: PngImagePlugin.PngImageFile(file).size),
    "WEBP": ((b"RIFF",), _webp_size),
    "TIFF": (
        (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        lambda file: TiffImagePlugin.TiffImageFile(file).size,
    ),
    "BMP": ((b"BM",), lambda file: BmpImagePlugin.BmpImageFile(file).size),
    "GIF": ((b"GIF87a", b"GIF89a"), lambda file: GifImagePlugin.GifImageFile(file).size),
}
