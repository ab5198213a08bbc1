"""What can go wrong with media.

    MediaError
    ├── UnsupportedMedia   the input is not a video that can be scored exactly
    │   └── TruncatedMedia its own table of contents names bytes that are not there
    ├── FramesMissing      frames that the index lists could not be decoded
    ├── SegmentMismatch    a segment does not hold the frames, size or codec parameters it should
    └── StitchRefused      the segments do not make up the whole video, or the result would not be exact

An error of the caller's own reader (a `RangedReader`'s `read_range`, say) is none of these: it surfaces as itself.
"""

from collections.abc import Sequence


class MediaError(Exception):
    """Base of every error this package raises on purpose."""


class UnsupportedMedia(MediaError):
    """The input cannot be scored; the message names the input, what is wrong with it, and what to do."""


class TruncatedMedia(UnsupportedMedia):
    """The container's index points beyond the end of the file: an upload or a copy was cut short."""


class FramesMissing(MediaError):
    """Frames could not be decoded by any route.

    Attributes:
        wanted: the frame numbers asked for, numbered as in the source.
        got: those that were delivered, a prefix of `wanted`.
        missing: the rest of `wanted`; `missing[0]` is the frame that failed.
    """

    def __init__(self, name: str, wanted: range, got_count: int) -> None:
        self.wanted: Sequence[int] = wanted
        self.got: Sequence[int] = wanted[:got_count]
        self.missing: Sequence[int] = wanted[got_count:]
        super().__init__(
            f"{name}: frame {self.missing[0]} could not be decoded (asked for {frame_range(wanted)}, "
            f"got the first {got_count}); the source is damaged there: repair it and start again"
        )


class SegmentMismatch(MediaError):
    """A segment is not what the plan says it is."""


class StitchRefused(MediaError):
    """Nothing was published: the result would not have been complete and exact."""


def frame_range(frames: range) -> str:
    return f"frame {frames[0]}" if len(frames) == 1 else f"frames {frames[0]}..{frames[-1]}"
