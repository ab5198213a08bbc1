"""Reading a finished file back: its frame times, and fingerprints of its audio packets."""

from collections.abc import Buffer
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from typing import cast

from media.errors import UnsupportedMedia
from media.packets import is_presented, packets_of, video_packets
from media.source import Source, keep_only, name_of, open_source, video_stream


@dataclass(frozen=True)
class AudioDigest:
    """`packets` packets of one audio stream; `sha256` is over their bytes, in order."""

    index: int
    codec: str
    packets: int
    sha256: str


def frame_times_of(source: Source) -> list[Fraction]:
    """When each frame is shown, in seconds, sorted; by demuxing alone."""
    with open_source(source) as container:
        stream = video_stream(container, name_of(source))
        base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        codec = stream.codec_context.codec.canonical_name
        found = [packet.pts for packet in video_packets(container, stream) if is_presented(packet, codec)]
    pts = [value for value in found if value is not None]
    if len(pts) != len(found):
        raise UnsupportedMedia(f"{name_of(source)}: packets without a pts")
    return [value * base for value in sorted(pts)]


def audio_digests(source: Source, *, stored: bool = False) -> list[AudioDigest]:
    """A fingerprint per audio stream: a source's equals the `stored` one of a result that every packet was copied to.

    `stored` counts every packet in an MP4, also one that its edit list hides: the last packet of a source may be
    nothing but padding. (From MPEG-TS, AAC loses the header of each packet, which MP4 keeps once.)
    """
    with open_source(source, {"ignore_editlist": "1"} if stored else None) as container:
        streams = tuple(container.streams.audio)
        if not streams:
            return []
        keep_only(container, *streams)
        hashes = {stream.index: sha256() for stream in streams}
        counts = dict.fromkeys(hashes, 0)
        for packet in packets_of(container, *streams):
            hashes[packet.stream_index].update(cast(Buffer, packet))
            counts[packet.stream_index] += 1
        return [
            AudioDigest(s.index, s.codec_context.codec.canonical_name, counts[s.index], hashes[s.index].hexdigest())
            for s in streams
        ]
