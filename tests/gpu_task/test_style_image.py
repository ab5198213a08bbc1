import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from gpu_task.style_image import StyleImageError, read_style_image


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def test_the_shorter_side_gets_the_wanted_size() -> None:
    data = encoded(Image.new("RGB", (300, 150), "red"))

    rgb = read_style_image(data, "red.png", 100)

    assert rgb.shape == (100, 200, 3)
    assert rgb.dtype == np.uint8
    assert (rgb == (255, 0, 0)).all()


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn 90 degrees clockwise
    data = encoded(Image.new("RGB", (200, 100)), "JPEG", exif=exif)

    assert read_style_image(data, "turned.jpg", 100).shape == (200, 100, 3)


def test_transparency_is_laid_over_white_and_grey_becomes_rgb() -> None:
    assert (read_style_image(encoded(Image.new("RGBA", (80, 80), (0, 0, 0, 0))), "clear.png", 80) == 255).all()
    assert read_style_image(encoded(Image.new("L", (80, 80), 7)), "grey.png", 80).tolist()[0][0] == [7, 7, 7]


@pytest.mark.parametrize(
    ("size", "part"), [((63, 200), "63x200 is too small"), ((1000, 100), "1000x100 is longer than 8 to 1")]
)
def test_unsuitable_sizes_are_refused_with_the_limit(size: tuple[int, int], part: str) -> None:
    with pytest.raises(StyleImageError, match=part):
        read_style_image(encoded(Image.new("RGB", size)), "odd.png", 100)


@pytest.mark.parametrize(("side", "part"), [(12_000, "12000x12000 is more than 100,000,000"), (20_000, "400000000")])
def test_a_decompression_bomb_is_refused_by_its_header_alone(side: int, part: str) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")

    with pytest.raises(StyleImageError, match=rf"bomb\.png: .*{part}.* pixels"):
        read_style_image(bomb, "bomb.png", 100)


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_image_is_refused_with_its_name(data: bytes) -> None:
    with pytest.raises(StyleImageError, match=r"style x\.png: not a readable image"):
        read_style_image(data, "x.png", 100)


def test_a_truncated_image_is_refused() -> None:
    whole = encoded(Image.effect_noise((200, 200), 50), "JPEG")

    with pytest.raises(StyleImageError, match="not a readable image"):
        read_style_image(whole[: len(whole) // 2], "half.jpg", 100)


def gif(width: int, height: int) -> bytes:
    screen = struct.pack("<HH", width, height)
    return b"GIF89a" + screen + b"\x80\0\0" + b"\0\0\0\xff\xff\xff" + b",\0\0\0\0" + screen + b"\0\x02\x02D\x01\0;"


def tiff(width: int, height: int) -> bytes:
    tags = ((256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 8))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 16) + bytes(8) + struct.pack("<H", len(tags)) + entries + bytes(4)


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("make", [gif, tiff, bmp])
@pytest.mark.parametrize("side", [12_000, 30_000])
def test_bombs_of_other_formats_are_refused_without_memory(make: Callable[[int, int], bytes], side: int) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(StyleImageError, match=r"pixels"):
            read_style_image(make(side, side), "bomb", 100)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_truncated_images_of_every_format_are_refused(format: str, share: float) -> None:
    whole = encoded(Image.effect_noise((200, 200), 50), format)

    with pytest.raises(StyleImageError, match="style half: not a readable image"):
        read_style_image(whole[: int(len(whole) * share)], "half", 100)


def test_a_format_that_is_not_listed_is_refused() -> None:
    """Pillow reads many more, PostScript through a program of its own among them."""
    with pytest.raises(StyleImageError, match="not a readable image"):
        read_style_image(encoded(Image.new("RGB", (100, 100)), "PPM"), "x.ppm", 100)
