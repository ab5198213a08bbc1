"""Frames as RGB: the right colours whatever the source's colour model, and sizes an encoder takes."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.frame_times import FrameTimes
from contracts.video_index import VideoIndex
from media.frames import output_size, to_rgb

# Kr and Kb of ITU-T H.273 per AVColorSpace.
LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
COLORS = [(200, 30, 60), (20, 180, 90), (40, 60, 220), (250, 240, 20), (128, 128, 128), (255, 255, 255), (0, 0, 0)]
# 4:2:0 paths of libswscale are 3 off at most on saturated colours, its 4:4:4 path 1.
TOLERANCE = {"yuv420p": 3, "yuv422p": 3, "yuv444p": 1, "yuv420p10le": 3, "yuv422p10le": 3, "yuv444p12le": 1}


def flat_frame(rgb: tuple[int, int, int], fmt: str, space: int, full: bool, size: tuple[int, int]) -> av.VideoFrame:
    """A frame of one colour, its Y'CbCr computed here by the standard's formulas."""
    frame = av.VideoFrame(*size, fmt)
    bits = frame.format.components[0].bits
    kr, kb = LUMA[space if space in LUMA else 6]
    r, g, b = (value / 255 for value in rgb)
    luma = kr * r + (1 - kr - kb) * g + kb * b
    blue, red = (b - luma) / (2 * (1 - kb)), (r - luma) / (2 * (1 - kr))
    scale, top = 2 ** (bits - 8), 2**bits - 1
    if full:
        values = (luma * top, blue * top + 128 * scale, red * top + 128 * scale)
    else:
        values = ((16 + 219 * luma) * scale, (128 + 224 * blue) * scale, (128 + 224 * red) * scale)
    for plane, value in zip(frame.planes, values, strict=True):
        kind = np.uint16 if bits > 8 else np.uint8
        plane.update(np.full(plane.buffer_size // np.dtype(kind).itemsize, round(value), kind).tobytes())
    frame.colorspace, frame.color_range = space, 2 if full else 1
    return frame


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("space", LUMA)
@pytest.mark.parametrize("fmt", TOLERANCE)
def test_colours_are_the_standards(fmt: str, space: int, full: bool) -> None:
    for color in COLORS:
        frame = flat_frame(color, fmt, space, full, (64, 48))
        for size in (None, (32, 24)):
            error = np.abs(to_rgb(frame, size).astype(int) - np.array(color)).max()
            assert error <= TOLERANCE[fmt], (color, size)


@pytest.mark.parametrize(("size", "assumed"), [((160, 90), 6), ((1280, 720), 1), ((720, 1280), 1)])
def test_an_unsaid_matrix_is_the_one_players_assume(size: tuple[int, int], assumed: int) -> None:
    frame = flat_frame((200, 30, 60), "yuv444p", assumed, False, size)
    frame.colorspace = 2
    assert np.abs(to_rgb(frame).astype(int) - (200, 30, 60)).max() <= 1


def test_rgb_passes_unchanged() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (18, 32, 3), np.uint8)
    assert np.array_equal(to_rgb(av.VideoFrame.from_ndarray(rgb, format="rgb24")), rgb)


@pytest.mark.parametrize("fmt", ["rgba", "bgra"])
def test_transparent_pixels_lie_over_black(fmt: str) -> None:
    pixels = np.full((16, 16, 4), 255, np.uint8)
    pixels[..., 3] = np.repeat([0, 51, 128, 255], 4)
    rgb = to_rgb(av.VideoFrame.from_ndarray(pixels, format=fmt))
    assert rgb.shape == (16, 16, 3)
    assert rgb[5, ::4, 0].tolist() == [0, 51, 128, 255]


@pytest.mark.parametrize("size", [(161, 90), (160, 91), (161, 91)])
def test_an_odd_side_gains_a_copy_of_its_last_line(size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (size[1], size[0], 3), np.uint8)
    padded = to_rgb(av.VideoFrame.from_ndarray(rgb, format="rgb24"), (size[0] + size[0] % 2, size[1] + size[1] % 2))
    assert np.array_equal(padded[: size[1], : size[0]], rgb)
    assert np.array_equal(padded[-1, : size[0]], rgb[-1])
    assert np.array_equal(padded[: size[1], -1], rgb[:, -1])


def test_scaling_keeps_the_picture() -> None:
    y, x = np.mgrid[0:90, 0:160]
    rgb = np.stack([x, 2 * y, x + y], -1).astype(np.uint8)
    small = to_rgb(av.VideoFrame.from_ndarray(rgb, format="rgb24"), (80, 46))
    assert small.shape == (46, 80, 3)
    expected = np.stack([np.linspace(0.5, 158.5, 80)] * 46)
    assert np.abs(small[..., 0] - expected)[2:-2, 2:-2].max() <= 2


def index_of(width: int, height: int) -> VideoIndex:
    return VideoIndex(
        container="mov",
        codec="h264",
        stream_index=0,
        width=width,
        height=height,
        pix_fmt="yuv420p",
        time_base=Fraction(1, 30),
        seek="ordinal",
        frames=FrameTimes(start=0),
        last_duration=1,
    )


@pytest.mark.parametrize(
    ("source", "limit", "expected"),
    [
        ((1920, 1080), None, (1920, 1080)),
        ((1920, 1080), 640, (640, 360)),
        ((1080, 1920), 640, (360, 640)),
        ((161, 91), None, (162, 92)),
        ((161, 91), 200, (162, 92)),
        ((1920, 1080), 333, (332, 186)),
        ((1000, 2), 100, (100, 2)),
    ],
)
def test_output_sizes(source: tuple[int, int], limit: int | None, expected: tuple[int, int]) -> None:
    assert output_size(index_of(*source), limit) == expected


@settings(deadline=None)
@given(st.integers(1, 8192), st.integers(1, 8192), st.none() | st.integers(16, 8192))
def test_output_sizes_are_even_within_the_limit_and_keep_the_aspect(width: int, height: int, limit: int | None) -> None:
    out = output_size(index_of(width, height), limit)
    assert all(side % 2 == 0 and side >= 2 for side in out)
    if limit is not None and max(width, height) > limit:
        assert max(out) <= limit
        scale = max(out) / max(width, height)
        assert all(
            abs(side - source * scale) <= 1 or side == 2 for side, source in zip(out, (width, height), strict=True)
        )
    else:
        assert all(0 <= side - source <= 1 for side, source in zip(out, (width, height), strict=True))


def test_a_limit_too_small_for_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="max_dimension: 1 is too small"):
        output_size(index_of(160, 90), 1)
