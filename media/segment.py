"""One chunk's result: an MP4 of H.264 whose packets can be concatenated with the other chunks' without re-encoding."""

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.frame import VideoFrame

from contracts.video_index import VideoIndex
from media.color import output_color
from media.errors import SegmentMismatch, UnsupportedMedia, frame_range
from media.frames import Rgb
from media.packets import video_packets
from media.source import Source, name_of, open_source, video_stream

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
B_FRAMES = 2  # how far packets are reordered; `media.stitch` derives dts from it


@dataclass(frozen=True)
class EncoderSettings:
    """How segments are encoded with libx264. All segments of a job must share one value: their packets share a header.

    `keyframe_interval` is in frames. `threads` 0 lets x264 choose by the machine's cores.
    """

    crf: int = 18
    preset: str = "veryfast"
    keyframe_interval: int = 120
    threads: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf: {self.crf} is outside 0 (lossless) to 51 (worst)")
        if self.preset not in PRESETS:
            raise ValueError(f"preset: {self.preset!r} is unknown to x264; give one of {', '.join(PRESETS)}")
        if self.keyframe_interval < 1 or self.threads < 0:
            raise ValueError(f"keyframe_interval: {self.keyframe_interval}, threads: {self.threads}; at least 1 and 0")

    def as_dict(self) -> dict[str, int | str]:
        """For provenance: the settings and what made the packets."""
        return {"codec": "libx264", "pix_fmt": "yuv420p", "b_frames": B_FRAMES, **asdict(self)}


@dataclass(frozen=True)
class SegmentInfo:
    """What a segment holds. `pts` are in units of `time_base`, sorted."""

    frames: int
    pts: tuple[int, ...]
    time_base: Fraction
    width: int
    height: int
    extradata: bytes = field(repr=False)


class SegmentWriter:
    """Encodes frames `first`..`last` of the video that `index` describes into an MP4 at `path`.

    ```
    with SegmentWriter(path, index, first, last, size, settings) as segment:
        for frame in read_frames(source, index, first, last):
            segment.write(score(to_rgb(frame, size)))
    ```
    Frame n has pts `index.pts[n] - index.pts[first]` in the source's time base. If the block ends in an error, or
    with too few frames, the file is removed.
    """

    def __init__(
        self,
        path: Path,
        index: VideoIndex,
        first: int,
        last: int,
        size: tuple[int, int],
        settings: EncoderSettings | None = None,
    ) -> None:
        window = index.window(first, last)
        if any(side < 2 or side % 2 for side in size):
            raise ValueError(f"size: {size[0]}x{size[1]}; both must be even and at least 2 (see frames.output_size)")
        self.path = Path(path)
        self.written = 0
        self._frames = range(first, last + 1)
        self._pts = [pts - window.frames.start for pts in window.frames.decode()]
        self._time_base = index.time_base
        self._size = size
        self._color = output_color(index.color, index.width, index.height)
        self._container: Any = av.open(f"file:{self.path}", "w", format="mp4")
        self._stream: Any = _add_stream(self._container, index, size, settings or EncoderSettings())

    def write(self, rgb: Rgb) -> None:
        """Encode the next frame: uint8 [H, W, 3] of the segment's size.

        Raises:
            SegmentMismatch: more frames than the segment has, or another size or type.
        """
        width, height = self._size
        if self.written == len(self._frames):
            raise SegmentMismatch(f"{self.path.name}: more than the {len(self._frames)} frames of {self._named()}")
        if rgb.shape != (height, width, 3) or rgb.dtype != np.uint8:
            raise SegmentMismatch(
                f"{self.path.name}: frame {self._frames[self.written]} is {rgb.dtype} {list(rgb.shape)}; "
                f"the segment takes uint8 [{height}, {width}, 3]"
            )
        self._encode(self._to_yuv(rgb))

    def write_yuv(self, frame: VideoFrame) -> None:
        """Encode the next frame as it was decoded from a finished result: no way over RGB, which costs chroma.

        Raises:
            SegmentMismatch: more frames than the segment has, or not yuv420p of the segment's size.
        """
        if self.written == len(self._frames):
            raise SegmentMismatch(f"{self.path.name}: more than the {len(self._frames)} frames of {self._named()}")
        if (frame.format.name, frame.width, frame.height) != ("yuv420p", *self._size):
            raise SegmentMismatch(
                f"{self.path.name}: frame {self._frames[self.written]} is {frame.format.name} "
                f"{frame.width}x{frame.height}; the segment takes yuv420p {self._size[0]}x{self._size[1]}"
            )
        frame.pict_type = 0  # its old type would be forced upon x264
        self._encode(frame)

    def close(self) -> None:
        """Finish the file.

        Raises:
            SegmentMismatch: fewer frames were written than the segment has.
        """
        if self.written != len(self._frames):
            self._discard()
            raise SegmentMismatch(f"{self.path.name}: {self.written} of {len(self._frames)} frames of {self._named()}")
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._discard()

    def _encode(self, frame: VideoFrame) -> None:
        frame.pts, frame.time_base = self._pts[self.written], self._time_base
        self._container.mux(self._stream.encode(frame))
        self.written += 1

    def _to_yuv(self, rgb: Rgb) -> VideoFrame:
        # from_numpy_buffer shares the array (164 frames of 1080p a second against from_ndarray's 84); the
        # conversion below reads it before it can change.
        shared = VideoFrame.from_numpy_buffer(np.ascontiguousarray(rgb), format="rgb24")
        return shared.reformat(format="yuv420p", dst_colorspace=self._color.matrix, dst_color_range=self._color.range)

    def _discard(self) -> None:
        self._container.close()
        self.path.unlink(missing_ok=True)

    def _named(self) -> str:
        return frame_range(self._frames)


def inspect_segment(source: Source) -> SegmentInfo:
    """What a segment holds, by demuxing it.

    Raises:
        SegmentMismatch: it is not an MP4 with a video stream, or is cut off.
    """
    name = name_of(source)
    try:
        with open_source(source) as container:
            stream = video_stream(container, name)
            pts = sorted(packet.pts for packet in video_packets(container, stream) if packet.pts is not None)
            context = stream.codec_context
            return SegmentInfo(
                frames=len(pts),
                pts=tuple(pts),
                time_base=Fraction(stream.time_base.numerator, stream.time_base.denominator),
                width=stream.width,
                height=stream.height,
                extradata=bytes(context.extradata or b""),
            )
    except UnsupportedMedia as error:
        raise SegmentMismatch(f"{name}: not a segment: {error}") from error


def check_segment(source: Source, index: VideoIndex, first: int, last: int) -> SegmentInfo:
    """Inspect a segment and compare its frames and their times with `index`.

    Raises:
        SegmentMismatch: it does not hold exactly frames `first`..`last`.
    """
    info = inspect_segment(source)
    name, wanted = name_of(source), range(first, last + 1)
    if info.frames != len(wanted):
        raise SegmentMismatch(f"{name}: {info.frames} frames; {frame_range(wanted)} are {len(wanted)}")
    window = index.window(first, last)
    scale = info.time_base / index.time_base
    for number, found, pts in zip(wanted, info.pts, window.frames.decode(), strict=True):
        if round(found * scale) != pts - window.frames.start:
            raise SegmentMismatch(
                f"{name}: frame {number} has pts {round(found * scale)} instead of {pts - window.frames.start} "
                f"(time base {index.time_base})"
            )
    return info


def _add_stream(container: Any, index: VideoIndex, size: tuple[int, int], settings: EncoderSettings) -> Any:
    options = {
        "preset": settings.preset,
        "crf": str(settings.crf),
        "bf": str(B_FRAMES),
        "g": str(settings.keyframe_interval),
        # Closed groups of pictures: no packet may refer to the segment before. No scene cut: the encoder's choices
        # must not depend on where a chunk begins more than they have to.
        "x264-params": "open-gop=0:scenecut=0",
    }
    # Only x264's rate control and the H.264 level depend on the rate; it must not depend on the window of the index.
    rate = (index.average_rate or Fraction(25)).limit_denominator(1_001_000)
    stream = container.add_stream("libx264", rate=rate, options=options)
    context = stream.codec_context
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.time_base = context.time_base = index.time_base
    context.thread_count = settings.threads
    color = output_color(index.color, index.width, index.height)
    context.color_primaries, context.color_trc = color.primaries, color.trc
    context.colorspace, context.color_range = color.space, color.range
    if index.sample_aspect_ratio is not None:
        context.sample_aspect_ratio = index.sample_aspect_ratio
    return stream
