import io
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from gpu_task.style_image import StyleImageError, read_style_image
from tests.gpu_task.conftest import ROOT


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


def quarters() -> Image.Image:
    """200x100, its quarters red, green, blue and white."""
    colors = np.array([[(250, 10, 10), (10, 250, 10)], [(10, 10, 250), (250, 250, 250)]], np.uint8)
    return Image.fromarray(colors).resize((200, 100), Image.Resampling.NEAREST)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(format: str, orientation: int) -> None:
    upright = quarters()
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation

    rgb = read_style_image(encoded(stored, format, exif=exif), "turned", 100)

    assert rgb.shape == (100, 200, 3)
    assert np.abs(rgb.astype(int) - np.asarray(upright)).mean() < 8


def test_transparency_is_laid_over_white_and_grey_becomes_rgb() -> None:
    assert (read_style_image(encoded(Image.new("RGBA", (80, 80), (0, 0, 0, 0))), "clear.png", 80) == 255).all()
    assert read_style_image(encoded(Image.new("L", (80, 80), 7)), "grey.png", 80).tolist()[0][0] == [7, 7, 7]


@pytest.mark.parametrize(
    ("size", "part"), [((63, 200), "63x200 is too small"), ((1000, 100), "1000x100 is longer than 8 to 1")]
)
def test_unsuitable_sizes_are_refused_with_the_limit(size: tuple[int, int], part: str) -> None:
    with pytest.raises(StyleImageError, match=part):
        read_style_image(encoded(Image.new("RGB", size)), "odd.png", 100)


@pytest.mark.parametrize(("side", "part"), [(12_000, "12000x12000 is more"), (20_000, "20000x20000 is more")])
def test_a_decompression_bomb_is_refused_by_its_header_alone(side: int, part: str) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")

    with pytest.raises(StyleImageError, match=rf"bomb\.png: {part} than 100,000,000 pixels"):
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


def test_a_tiff_whose_pixels_lie_at_a_fraction_is_refused() -> None:
    odd = tiff(80, 80).replace(struct.pack("<HH", 273, 4), struct.pack("<HH", 273, 12))

    with pytest.raises(StyleImageError, match="not a readable image"):
        read_style_image(odd + bytes(6400), "x", 64)


def test_a_format_that_is_not_listed_is_refused() -> None:
    """Pillow reads many more, PostScript through a program of its own among them."""
    with pytest.raises(StyleImageError, match="not a readable image"):
        read_style_image(encoded(Image.new("RGB", (100, 100)), "PPM"), "x.ppm", 100)


def color(data: bytes) -> list[int]:
    """The middle of the image."""
    return read_style_image(data, "x", 80)[40, 40].tolist()


RED, NAVY = (220, 30, 40), (10, 20, 90)


def near(found: list[int], wanted: tuple[int, int, int], by: int = 6) -> bool:
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= by


@pytest.mark.parametrize("wanted", [RED, NAVY])
def test_cmyk_jpegs_as_adobe_writes_them_keep_their_colours(wanted: tuple[int, int, int]) -> None:
    """Their values are inverted, which their Adobe marker says; taken as they are, red would be cyan."""
    data = encoded(Image.new("RGB", (80, 80), wanted).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data

    assert near(color(data), wanted)


def test_grey_of_16_bits_is_scaled_and_not_clipped() -> None:
    grey = Image.fromarray(np.full((80, 80), 0x4080, np.uint16))

    for format in ("PNG", "TIFF"):
        assert color(encoded(grey, format)) == [0x40, 0x40, 0x40]


def test_colour_of_16_bits_is_read() -> None:
    rows = b"".join(b"\0" + struct.pack(">HHH", 0x8000, 0x40FF, 0x1000) * 80 for _ in range(80))
    header = struct.pack(">IIBBBBB", 80, 80, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)

    assert near(color(b"\x89PNG\r\n\x1a\n" + body), (0x80, 0x40, 0x10), by=1)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_a_channel_are_refused_with_what_would_do(mode: str) -> None:
    with pytest.raises(StyleImageError, match="32 bits a channel; save it with 8 or 16"):
        color(encoded(Image.new(mode, (80, 80), 7), "TIFF"))


def test_a_palette_with_a_transparent_entry_is_laid_over_white() -> None:
    image = Image.new("P", (80, 80), 1)
    image.putpalette([0, 0, 0, *RED, *NAVY])
    image.paste(2, (0, 0, 80, 20))

    rgb = read_style_image(encoded(image, "PNG", transparency=1), "p.png", 80)

    assert rgb[40, 40].tolist() == [255, 255, 255]
    assert rgb[5, 40].tolist() == list(NAVY)


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    assert near(color(encoded(Image.new("RGBA", (80, 80), (0, 0, 0, 128)))), (127, 127, 127), by=1)
    assert near(color(encoded(Image.new("LA", (80, 80), (0, 128)))), (127, 127, 127), by=1)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_is_taken(format: str) -> None:
    first, second = (Image.new("RGB", (80, 80), wanted) for wanted in (RED, NAVY))

    data = encoded(first, format, save_all=True, append_images=[second])

    assert near(color(data), RED)


def test_the_first_picture_of_a_stereo_photograph_is_taken() -> None:
    first, second = (Image.new("RGB", (80, 80), wanted) for wanted in (RED, NAVY))
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    assert Image.open(io.BytesIO(data)).format == "MPO"

    assert near(color(data), RED)


def adobe_rgb() -> bytes:
    """A profile like Adobe RGB (1998): its primaries, its white D65 adapted to D50, its gamma 2.2 (ICC.1:2001-04)."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    gamma = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 6) + b"Adobe\0" + bytes(78),
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.6097, 0.3111, 0.0195),
        b"gXYZ": xyz(0.2053, 0.6257, 0.0609),
        b"bXYZ": xyz(0.1492, 0.0632, 0.7446),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma),
    }
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for tag, value in tags.items():
        value += bytes(-len(value) % 4)
        table += tag + struct.pack(">II", place + len(body), len(value))
        body += value
    head = struct.pack(">I", place + len(body)) + bytes(4) + b"\x02\x10\0\0mntrRGB XYZ " + bytes(12) + b"acsp"
    head += bytes(28) + struct.pack(">iii", 63190, 65536, 54061)  # the illuminant, D50
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body


def test_a_scan_in_adobe_rgb_keeps_its_colours() -> None:
    """Pure green there is greener than sRGB has; a muted one is more vivid in sRGB's numbers than in its own."""
    plain = Image.new("RGB", (80, 80), (120, 160, 90))

    found = color(encoded(plain, "PNG", icc_profile=adobe_rgb()))

    # By the matrices of both colour spaces (Lindbloom): 120, 160, 90 in Adobe RGB is 99, 161, 85 in sRGB.
    assert near(found, (99, 161, 85), by=3)
    assert color(encoded(plain, "PNG")) == [120, 160, 90]


@pytest.mark.parametrize("format", ["JPEG", "TIFF", "WEBP"])
def test_profiles_are_found_in_every_format_that_has_them(format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(Image.new("RGB", (80, 80), (120, 160, 90)), format, icc_profile=adobe_rgb(), **options)

    assert near(color(data), (99, 161, 85), by=4)


def test_transparency_is_no_part_of_a_profile() -> None:
    image = Image.new("RGBA", (80, 80), (120, 160, 90, 255))
    image.paste((0, 0, 0, 0), (0, 0, 80, 20))

    rgb = read_style_image(encoded(image, icc_profile=adobe_rgb()), "x", 80)

    assert near(rgb[50, 40].tolist(), (99, 161, 85), by=3)
    assert rgb[5, 40].tolist() == [255, 255, 255]


@pytest.mark.parametrize("profile", [b"no profile at all", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))])
def test_a_profile_that_cannot_be_used_is_said(profile: object, caplog: pytest.LogCaptureFixture) -> None:
    data = profile if isinstance(profile, bytes) else profile.tobytes()

    assert color(encoded(Image.new("RGB", (80, 80), RED), icc_profile=data)) == list(RED)

    assert "its colours are taken for sRGB" in caplog.text


def test_the_limit_on_pixels_is_the_callers() -> None:
    data = encoded(Image.new("L", (200, 100), 9))

    assert read_style_image(data, "x", 64, max_pixels=20_000).shape == (64, 128, 3)
    with pytest.raises(StyleImageError, match="200x100 is more than 19,999 pixels; give a smaller copy"):
        read_style_image(data, "x", 64, max_pixels=19_999)


def test_a_limit_above_pillows_own_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5_000)  # it raises at twice this

    assert read_style_image(encoded(Image.new("L", (200, 100), 9)), "x", 64).shape == (64, 128, 3)
    assert Image.MAX_IMAGE_PIXELS == 5_000


@pytest.mark.parametrize(("size", "part"), [((1, 1), "1x1 is too small"), ((20_000, 2_000), "longer than 8 to 1")])
def test_the_smallest_and_the_longest_are_refused(size: tuple[int, int], part: str) -> None:
    with pytest.raises(StyleImageError, match=part):
        read_style_image(encoded(Image.new("1", size)), "x", 100)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's peak memory from /proc")
def test_a_scan_20000_pixels_wide_is_read_in_little_memory(tmp_path: Path) -> None:
    """60 megapixels are 180 MB as RGB; a JPEG is decoded at a fraction of its size."""
    path = tmp_path / "wide.jpg"
    Image.new("L", (20_000, 3_000), 128).save(path, "JPEG")
    script = (
        "import re, sys; from pathlib import Path; from gpu_task.style_image import read_style_image\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "data, before = Path(sys.argv[1]).read_bytes(), peak()\n"
        "print(*read_style_image(data, 'x', 300).shape, peak() - before)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, path], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    height, width, _, kibibytes = map(int, done.stdout.split())
    assert (height, width) == (300, 2000)
    assert kibibytes < 30_000  # 60 MB if it were decoded whole, as grey


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_damage_anywhere_is_refused_or_read_and_nothing_else(format: str) -> None:
    whole = encoded(Image.effect_mandelbrot((90, 80), (-3, -2.5, 2, 2.5), 50).convert("RGB"), format)
    random = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole)
        for place in random.integers(0, random.choice([60, 300, len(data)]), 4):
            data[min(place, len(data) - 1)] = random.integers(256)
        with suppress(StyleImageError):
            assert read_style_image(bytes(data), "x", 64, 1_000_000).shape[2] == 3
