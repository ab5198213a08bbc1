"""What the workflow knows of a video: its frames, how to reach them, and its other streams. Made by `media.index`."""

from bisect import bisect_right
from fractions import Fraction
from typing import Literal, Self

from pydantic import Field, model_validator

from contracts.frame_times import FrameTimes
from contracts.model import Contract


class Keyframe(Contract):
    """A packet that decoding can start at; `pts` and `dts` in units of the stream's time base."""

    pts: int
    dts: int | None


class Color(Contract):
    """FFmpeg's colour description of a stream, as its integer codes (2 is "unspecified")."""

    primaries: int = 2
    trc: int = 2
    space: int = 2
    range: int = 0


class AudioStream(Contract):
    index: int
    codec: str
    sample_rate: int
    channels: int
    language: str | None = None


class VideoIndex(Contract):
    """The frame index of one video stream.

    `frames` lists every presented frame of the source, or, in a window, of the part that one task needs:
    `first_frame` is the source's number of `frames`' first entry. Frames are numbered from 0 in presentation order.
    `seek` says how a frame is found: by `pts`, by the keyframe's `dts` (MPEG-TS), or by counting from the start
    (`ordinal`, where packets and frames disagree).
    """

    container: str
    codec: str
    stream_index: int = Field(ge=0)
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    pix_fmt: str
    time_base: Fraction
    average_rate: Fraction | None = None
    sample_aspect_ratio: Fraction | None = None
    rotation: int = 0
    color: Color = Color()
    seek: Literal["pts", "dts", "ordinal"] = "pts"
    frames: FrameTimes
    first_frame: int = Field(default=0, ge=0)
    last_duration: int = Field(ge=1)
    keyframes: tuple[Keyframe, ...] = ()
    audio: tuple[AudioStream, ...] = ()

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.seek != "ordinal" and not self.keyframes:
            raise ValueError(f"keyframes: none listed, but seek is {self.seek!r}; only 'ordinal' does without")
        return self

    @property
    def frame_count(self) -> int:
        return len(self.frames)

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's presentation to the end of the last one's."""
        return (sum(d * n for d, n in self.frames.runs) + self.last_duration) * self.time_base

    def window(self, first: int, last: int, *, seek_points: int = 4) -> "VideoIndex":
        """The index of frames `first`..`last` (inclusive, numbered as in the source), small enough for a task spec.

        Keeps the `seek_points` keyframes at or before `first`, the stream's first one, and those inside the window:
        all that `media.reader` may seek to.

        Raises:
            ValueError: the range is empty or outside this index.
        """
        begin, end = first - self.first_frame, last - self.first_frame
        if not 0 <= begin <= end < self.frame_count:
            held = f"{self.first_frame}..{self.first_frame + self.frame_count - 1}"
            raise ValueError(f"frames {first}..{last} are outside this index, which holds {held}")
        pts = self.frames.decode()
        last_duration = pts[end + 1] - pts[end] if end + 1 < len(pts) else self.last_duration
        starts = [k.pts for k in self.keyframes]
        before = bisect_right(starts, pts[begin])
        after = bisect_right(starts, pts[end])
        kept = self.keyframes[max(0, before - seek_points) : after]
        if self.keyframes and self.keyframes[0] not in kept:
            kept = (self.keyframes[0], *kept)
        return self.model_copy(
            update={
                "frames": FrameTimes.encode(pts[begin : end + 1]),
                "first_frame": first,
                "last_duration": last_duration,
                "keyframes": kept,
            }
        )
