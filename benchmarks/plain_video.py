"""A video read and written as a script would: frames in order, the audio packets copied. What the other sides use."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from contracts.task_spec import EncoderOptions


def decode(video: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Each frame's pts, in the stream's time base, and its RGB [H, W, 3]."""
    with av.open(str(video)) as source:
        source.streams.video[0].thread_type = "AUTO"
        for frame in source.decode(video=0):
            assert frame.pts is not None
            yield frame.pts, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


class PaintedVideo:
    """An MP4 with frames to come and the audio of `video`, encoded as the system encodes its own."""

    def __init__(self, out: Path, video: Path) -> None:
        self._source = av.open(str(video))
        self._result = av.open(str(out), "w", options={"movflags": "faststart"})
        picture, encoder = self._source.streams.video[0], EncoderOptions()
        options = {"crf": str(encoder.crf), "preset": encoder.preset}
        self._painted: Any = self._result.add_stream("libx264", rate=picture.average_rate, options=options)
        self._painted.width, self._painted.height, self._painted.pix_fmt = picture.width, picture.height, "yuv420p"
        self._time_base = self._painted.codec_context.time_base = picture.time_base
        sounds = self._source.streams.audio
        self._copies = {sound.index: self._result.add_stream_from_template(sound) for sound in sounds}
        self._packets = iter(self._source.demux(*sounds) if sounds else ())
        self.frames = 0

    def write(self, pts: int, rgb: NDArray[np.uint8]) -> None:
        """RGB [H, W, 3], in the order of `pts`."""
        image = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(rgb), format="rgb24")
        image.pts, image.time_base = pts, self._time_base
        self._result.mux(self._painted.encode(image))
        self.frames += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._source, self._result:
            if kind is None:
                self._result.mux(self._painted.encode(None))
                for packet in self._packets:
                    if packet.dts is not None:
                        packet.stream = self._copies[packet.stream_index]
                        self._result.mux(packet)
