"""Which colour matrix a video's pixels mean, in FFmpeg's codes (AVColorSpace), and which one the result carries."""

from dataclasses import dataclass

from av.video.reformatter import Colorspace

from contracts.video_index import Color

_RGB, _BT709, _UNSPECIFIED, _FCC, _BT470BG, _SMPTE170M, _SMPTE240M, _BT2020 = 0, 1, 2, 4, 5, 6, 7, 9
_LIMITED_RANGE = 1  # AVCOL_RANGE_MPEG

# AVColorSpace -> libswscale's matrix. BT.601 has two codes, one matrix.
SWSCALE_MATRIX: dict[int, int] = {
    _BT709: Colorspace.ITU709,
    _FCC: Colorspace.FCC,
    _BT470BG: Colorspace.ITU601,
    _SMPTE170M: Colorspace.ITU601,
    _SMPTE240M: Colorspace.SMPTE240M,
    _BT2020: Colorspace.BT2020,
}


@dataclass(frozen=True)
class OutputColor:
    """The tags of the result, and the matrix to make its pixels with. Range is limited: every player takes it."""

    primaries: int
    trc: int
    space: int
    range: int = _LIMITED_RANGE

    @property
    def matrix(self) -> int:
        return SWSCALE_MATRIX[self.space]


def matrix_of(space: int, width: int, height: int) -> int:
    """AVColorSpace to assume for `space`: itself if known, else what players assume (BT.709 from 720 lines or 1280
    columns on, BT.601 below). libswscale would assume BT.601 for all."""
    if space in SWSCALE_MATRIX:
        return space
    return _BT709 if width >= 1280 or height >= 720 else _SMPTE170M


def output_color(color: Color, width: int, height: int) -> OutputColor:
    """The tags for a result of a `width` x `height` source: the source's own where it has them, so that players show
    the result as they show the source; otherwise the matrix that was assumed, said aloud."""
    space = matrix_of(color.space, width, height)
    default = _BT709 if space == _BT709 else _SMPTE170M
    primaries = color.primaries if color.primaries not in (0, _UNSPECIFIED) else default
    trc = color.trc if color.trc not in (0, _UNSPECIFIED) else default
    return OutputColor(primaries=primaries, trc=trc, space=space)
