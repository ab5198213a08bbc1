"""The source's audio on its way into the result: copied as it is, or encoded as AAC where MP4 cannot hold it."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import Any, Literal

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from media.errors import StitchRefused
from media.packets import AnyPacket

_KEPT_METADATA = ("language", "title", "handler_name")
_AAC_FRAME = 1024  # samples per AAC packet
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_AAC_BIT_RATE_PER_CHANNEL = 96_000
_AAC_CHANNELS = 8

type Action = Literal["copied", "encoded as aac"]


@dataclass(frozen=True)
class AudioTrack:
    """One of the source's audio streams (`index`, as in the source) and what was done with it."""

    index: int
    codec: str
    action: Action


def mp4_takes(stream: AudioStream) -> bool:
    """Whether FFmpeg's MP4 muxer holds this codec's packets as they are: asked of the muxer itself."""
    trial: Any = av.open(BytesIO(), "w", format="mp4")
    try:
        trial.add_stream_from_template(stream)
        trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    finally:
        trial.close()
    return True


class AudioCopier:
    """Feeds every audio stream of `source` into `output`. Made before the output's header is written."""

    def __init__(self, source: InputContainer, output: Any) -> None:
        self._source = source
        self._routes = {stream.index: _route(stream, output) for stream in source.streams.audio}
        self.tracks = tuple(
            AudioTrack(stream.index, stream.codec_context.name, self._routes[stream.index].action)
            for stream in source.streams.audio
        )

    @property
    def start(self) -> Fraction | None:
        """When the first audio stream begins, in seconds of the source's clock; None without audio."""
        starts = [
            stream.start_time * _fraction(stream.time_base)
            for stream in self._source.streams.audio
            if stream.start_time is not None
        ]
        return min(starts, default=None)

    @property
    def time_bases(self) -> list[Fraction]:
        return [_fraction(stream.time_base) for stream in self._source.streams.audio]

    def packets(self, shift: Fraction) -> Iterator[AnyPacket]:
        """Packets for the output, in the source's order, `shift` seconds earlier than there."""
        if not self._routes:
            return
        for packet in self._source.demux(tuple(self._source.streams.audio)):
            if packet.size:
                yield from self._routes[packet.stream_index].take(packet, shift)
        for route in self._routes.values():
            yield from route.flush()


class _Copy:
    """Passes packets on as they are."""

    action: Action = "copied"

    def __init__(self, stream: AudioStream, output: Any) -> None:
        self._name = f"audio stream {stream.index} ({stream.codec_context.name})"
        self._output = output.add_stream_from_template(stream)
        self._last: int | None = None

    def take(self, packet: AnyPacket, shift: Fraction) -> Iterator[AnyPacket]:
        dts = packet.pts if packet.dts is None else packet.dts
        if dts is None:
            raise StitchRefused(f"{self._name} has packets without a time; remux the source to MP4 or MKV")
        ticks = int(shift / _fraction(packet.time_base))
        pts = dts if packet.pts is None else packet.pts
        # No muxer takes dts that go back or stand still: as ffmpeg does, such a packet follows its predecessor.
        packet.dts = dts - ticks if self._last is None else max(dts - ticks, self._last + 1)
        packet.pts = max(pts - ticks, packet.dts)
        self._last = packet.dts
        packet.stream = self._output
        yield packet

    def flush(self) -> Iterator[AnyPacket]:
        yield from ()


class _Encode:
    """Decodes, and encodes as AAC, with the times kept."""

    action: Action = "encoded as aac"

    def __init__(self, stream: AudioStream, output: Any) -> None:
        self._input: Any = stream
        wanted = stream.codec_context.sample_rate
        rate = min(_AAC_RATES, key=lambda known: (abs(known - wanted), -known))
        layout = stream.codec_context.layout.name if stream.codec_context.channels <= _AAC_CHANNELS else "stereo"
        encoder: Any = output.add_stream("aac", rate=rate, layout=layout)
        encoder.bit_rate = _AAC_BIT_RATE_PER_CHANNEL * min(stream.codec_context.channels, _AAC_CHANNELS)
        self._output = encoder
        self._resampler = AudioResampler(format="fltp", layout=layout, rate=rate, frame_size=_AAC_FRAME)

    def take(self, packet: AnyPacket, shift: Fraction) -> Iterator[AnyPacket]:
        for frame in self._input.decode(packet):
            if frame.pts is not None:
                frame.pts -= int(shift / _fraction(frame.time_base))
            yield from self._encode(frame)

    def flush(self) -> Iterator[AnyPacket]:
        for frame in self._input.decode(None):
            yield from self._encode(frame)
        yield from self._encode(None)
        yield from self._output.encode(None)

    def _encode(self, frame: AudioFrame | None) -> Iterator[AnyPacket]:
        for resampled in self._resampler.resample(frame):
            yield from self._output.encode(resampled)


def _route(stream: AudioStream, output: Any) -> _Copy | _Encode:
    route = _Copy(stream, output) if mp4_takes(stream) else _Encode(stream, output)
    made: Any = output.streams[-1]
    made.metadata.update({key: stream.metadata[key] for key in _KEPT_METADATA if key in stream.metadata})
    made.disposition = stream.disposition
    return route


def _fraction(value: Any) -> Fraction:
    return Fraction(value.numerator, value.denominator)
