"""Segments as a job leaves them, and a source with as many frames, for the benchmark of the stitch."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import av
import numpy as np

from contracts.frame_times import FrameTimes
from contracts.task_spec import EncoderOptions
from contracts.video_index import Keyframe, VideoIndex
from media.segment import EncoderSettings, SegmentWriter

WIDTH, HEIGHT, RATE = 640, 360, 25
SAMPLE_RATE, AAC_FRAME = 48_000, 1024
# So many pictures are encoded; all segments are one of them, under names of their own.
DIFFERENT = 4


@dataclass(frozen=True)
class Job:
    """`frames` in each of `segments`, the source with its sound, and that source's index."""

    segments: tuple[Path, ...]
    frames: int
    source: Path
    index: VideoIndex


def make_job(folder: Path, segments: int, frames: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Job:
    """Files in `folder`: the segments (hard links to a few), and `source.mp4`: their packets, and a tone."""
    folder.mkdir(parents=True, exist_ok=True)
    index = _index(segments * frames, size)
    different = [_segment(folder / f"made-{n}.mp4", index, n, frames, size) for n in range(min(DIFFERENT, segments))]
    names: list[Path] = []
    for number in range(segments):
        name = folder / f"{number:05d}.mp4"
        name.hardlink_to(different[number % len(different)])
        names.append(name)
    source = folder / "source.mp4"
    _write_source(source, different[0], segments, frames)
    return Job(tuple(names), frames, source, index)


def _index(frames: int, size: tuple[int, int]) -> VideoIndex:
    return VideoIndex(
        container="mov,mp4,m4a,3gp,3g2,mj2",
        codec="h264",
        stream_index=0,
        width=size[0],
        height=size[1],
        pix_fmt="yuv420p",
        time_base=Fraction(1, RATE),
        average_rate=Fraction(RATE),
        frames=FrameTimes.encode(range(frames)),
        last_duration=1,
        keyframes=(Keyframe(pts=0, dts=-2),),
    )


def _segment(path: Path, index: VideoIndex, number: int, frames: int, size: tuple[int, int]) -> Path:
    """Moving gradients with a painting's grain: some 12 KB a frame at 640x360."""
    width, height = size
    grain = np.random.default_rng(number).integers(0, 8, (height, width, 3), dtype=np.uint8)
    y, x = np.mgrid[0:height, 0:width]
    options = EncoderOptions()
    settings = EncoderSettings(crf=options.crf, preset="ultrafast", threads=1)
    with SegmentWriter(path, index, 0, frames - 1, size, settings) as writer:
        for frame in range(frames):
            rgb = np.stack([(x + 3 * frame) % 256, (2 * y + frame) % 256, (x + y + 9 * number) % 256], -1)
            writer.write(rgb.astype(np.uint8) // 2 + np.roll(grain, 7 * frame, axis=1))
    return path


def _write_source(path: Path, segment: Path, segments: int, frames: int) -> None:
    sounds = _sounds()
    with av.open(str(segment)) as pictures, av.open(str(path), "w") as output:
        stream = pictures.streams.video[0]
        packets = [(bytes(p), p.pts or 0, p.dts or 0, p.is_keyframe) for p in pictures.demux(stream) if p.size]
        ticks = round(1 / (RATE * stream.time_base))
        video: Any = output.add_stream_from_template(stream)
        audio: Any = output.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")

        def frames_of_all() -> Iterator[Any]:
            for number in range(segments):
                for data, pts, dts, is_keyframe in packets:
                    begin = number * frames * ticks
                    packet = _packet(data, pts + begin, dts + begin, ticks, stream.time_base, video)
                    packet.is_keyframe = is_keyframe
                    yield packet

        def sound() -> Iterator[Any]:
            for number in count():
                begin = number * AAC_FRAME
                if begin * RATE >= segments * frames * SAMPLE_RATE:
                    return
                data = sounds[number % len(sounds)]
                yield _packet(data, begin, begin, AAC_FRAME, Fraction(1, SAMPLE_RATE), audio)

        for packet in heapq.merge(frames_of_all(), sound(), key=lambda p: float(p.dts * p.time_base)):
            output.mux_one(packet)


def _packet(data: bytes, pts: int, dts: int, duration: int, time_base: Any, stream: Any) -> Any:
    packet: Any = av.Packet(data)
    packet.pts, packet.dts, packet.duration = pts, dts, duration
    packet.time_base, packet.stream = time_base, stream
    return packet


def _sounds(packets: int = 100) -> list[bytes]:
    """A few seconds of a stereo tone as AAC packets."""
    encoder: Any = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE, "stereo", "fltp"
    found: list[bytes] = []
    for number in range(packets):
        wave = np.sin(np.arange(number * AAC_FRAME, (number + 1) * AAC_FRAME) / 20, dtype=np.float32) / 4
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, number * AAC_FRAME, Fraction(1, SAMPLE_RATE)
        found += [bytes(packet) for packet in encoder.encode(frame)]
    return found
