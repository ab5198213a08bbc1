"""The source's audio on its way into the result: copied as it is, or encoded as AAC where MP4 cannot hold it."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import islice
from typing import Any, Literal, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from media.errors import StitchRefused
from media.packets import AnyPacket, packets_of
from media.source import Source, keep_only, open_source

_KEPT_METADATA = ("language", "title", "handler_name")
_AAC_FRAME = 1024  # samples per AAC packet
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_AAC_BIT_RATE_PER_CHANNEL = 96_000
_DEFAULT_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_TRIAL_PACKETS = 16

type Action = Literal["copied", "encoded as aac"]


@dataclass(frozen=True)
class AudioTrack:
    """One of the source's audio streams (`index`, as in the source) and what was done with it.

    `retimed` packets had times that went back or stood still, which no player plays; they follow their predecessors.
    `damaged` ones could not be decoded (only where the track had to be encoded).
    """

    index: int
    codec: str
    action: Action
    retimed: int = 0
    damaged: int = 0


def mp4_takes(source: Source, index: int) -> bool:
    """Whether FFmpeg's MP4 muxer holds the packets of audio stream `index` as they are.

    Asked of the muxer itself, by writing the first packets to memory: some codecs are only refused when the file is
    finished.
    """
    with open_source(source) as container:
        stream = cast(AudioStream, container.streams[index])
        keep_only(container, stream)
        trial: Any = av.open(BytesIO(), "w", format="mp4")
        try:
            made = _copy_stream(stream, trial)
            for packet in islice(packets_of(container, stream), _TRIAL_PACKETS):
                packet.stream = made
                trial.mux_one(packet)
            trial.start_encoding()
            trial.close()
        except (FFmpegError, ValueError):
            return False
    return True


class AudioCopier:
    """Feeds every audio stream of `source` (open as `opened`) into `output`, whose header must not be written yet."""

    def __init__(self, source: Source, opened: InputContainer, output: Any) -> None:
        self._source = opened
        self._routes = {stream.index: _route(source, stream, output) for stream in opened.streams.audio}

    @property
    def tracks(self) -> tuple[AudioTrack, ...]:
        """What was done so far, per stream."""
        return tuple(
            AudioTrack(
                stream.index, stream.codec_context.codec.canonical_name, route.action, route.retimed, route.damaged
            )
            for stream, route in zip(self._source.streams.audio, self._routes.values(), strict=True)
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
        for packet in packets_of(self._source, *self._source.streams.audio):
            yield from self._routes[packet.stream_index].take(packet, shift)
        for route in self._routes.values():
            yield from route.flush()


class _Copy:
    """Passes packets on as they are."""

    action: Action = "copied"
    retimed = damaged = 0

    def __init__(self, stream: AudioStream, output: Any) -> None:
        self._name = f"audio stream {stream.index} ({stream.codec_context.codec.canonical_name})"
        self._output = _copy_stream(stream, output)
        self._time_base = _fraction(stream.time_base)
        self._last: int | None = None

    def take(self, packet: AnyPacket, shift: Fraction) -> Iterator[AnyPacket]:
        dts = packet.pts if packet.dts is None else packet.dts
        if dts is None:
            raise StitchRefused(f"{self._name} has packets without a time; remux the source to MP4 or MKV")
        ticks = int(shift / self._time_base) if shift else 0
        pts = dts if packet.pts is None else packet.pts
        # No muxer takes dts that go back or stand still: as ffmpeg does, such a packet follows its predecessor.
        packet.dts = dts - ticks
        if self._last is not None and packet.dts <= self._last:
            packet.dts = self._last + 1
            self.retimed += 1
        packet.pts = max(pts - ticks, packet.dts)
        self._last = packet.dts
        packet.stream = self._output
        yield packet

    def flush(self) -> Iterator[AnyPacket]:
        yield from ()


class _Encode:
    """Decodes, and encodes as AAC, with the times kept."""

    action: Action = "encoded as aac"
    retimed = damaged = 0

    def __init__(self, stream: AudioStream, output: Any) -> None:
        self._input: Any = stream
        wanted = stream.codec_context.sample_rate
        rate = min(_AAC_RATES, key=lambda known: (abs(known - wanted), -known))
        channels = stream.codec_context.channels
        layout = _DEFAULT_LAYOUTS.get(channels, "stereo")  # more than eight channels are mixed down
        encoder: Any = output.add_stream("aac", rate=rate, layout=layout)
        encoder.bit_rate = _AAC_BIT_RATE_PER_CHANNEL * min(channels, 8)
        self._output = encoder
        self._resampler = AudioResampler(format="fltp", layout=layout, rate=rate, frame_size=_AAC_FRAME)

    def take(self, packet: AnyPacket, shift: Fraction) -> Iterator[AnyPacket]:
        try:
            frames = self._input.decode(packet)
        except FFmpegError:
            self.damaged += 1
            return
        for frame in frames:
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


def _route(source: Source, stream: AudioStream, output: Any) -> _Copy | _Encode:
    route = _Copy(stream, output) if mp4_takes(source, stream.index) else _Encode(stream, output)
    made = output.streams[-1]
    made.metadata.update({key: stream.metadata[key] for key in _KEPT_METADATA if key in stream.metadata})
    made.disposition = stream.disposition
    return route


def _copy_stream(stream: AudioStream, output: Any) -> Any:
    made = output.add_stream_from_template(stream)
    channels = stream.codec_context.channels
    if stream.codec_context.layout.name == f"{channels} channels" and channels in _DEFAULT_LAYOUTS:
        # AVI and WAV say how many channels, not which; MP4 has to say (for PCM), so FFmpeg's defaults are named.
        made.codec_context.layout = _DEFAULT_LAYOUTS[channels]
    return made


def _fraction(value: Any) -> Fraction:
    return Fraction(value.numerator, value.denominator)
