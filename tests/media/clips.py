"""The media matrix: tiny clips of every kind, made with PyAV's encoders. Each maker writes one file and returns it."""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

WIDTH, HEIGHT, FRAMES, RATE = 160, 90, 40, 30
X264 = {"preset": "ultrafast", "crf": "18", "bf": "2", "g": "12", "x264-params": "scenecut=0:keyint=12:min-keyint=12"}


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A frame unlike every other: a moving gradient, a moving square, and its number in black and white bars."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([(x + 3 * number) % 256, (2 * y + number) % 256, (x + y) % 256], -1).astype(np.uint8)
    rgb[20:40, (4 * number) % max(1, width - 20) :][:, :20] = (250, 40, 40)
    for bit in range(8):
        rgb[:10, bit * 10 : bit * 10 + 10] = 255 * (number >> bit & 1)
    return rgb


def tone(rate: int, seconds: float, channels: int = 2, start: int = 0) -> Iterable[av.AudioFrame]:
    """A sine with a falling pitch, in frames of 1024 samples."""
    count = int(rate * seconds)
    layout = {1: "mono", 2: "stereo"}[channels]
    for begin in range(0, count, 1024):
        n = np.arange(begin, min(begin + 1024, count))
        samples = (0.3 * np.sin(2 * np.pi * (500 - 100 * n / rate) * n / rate)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.stack([samples] * channels), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, begin + start, Fraction(1, rate)
        yield frame


def encode(
    path: Path,
    codec: str = "libx264",
    *,
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    pts: Sequence[int] = tuple(range(FRAMES)),
    time_base: Fraction = Fraction(1, RATE),
    audio: Sequence[dict[str, Any]] = (),
    rotation: int = 0,
    sar: Fraction | None = None,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write pictures 0, 1, ... at `pts`, and a tone per entry of `audio` (codec, rate, channels, language, start)."""
    with av.open(str(path), "w", format=container, container_options=container_options or {}) as output:
        stream: Any = output.add_stream(codec, rate=RATE, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.time_base = stream.codec_context.time_base = time_base
        stream.codec_context.thread_count = 1
        if sar:
            stream.codec_context.sample_aspect_ratio = sar
        if rotation:
            stream.set_display_rotation(rotation)
        tracks = [_add_track(output, **track) for track in audio]
        for number, time in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base, frame.pict_type = time, time_base, 0
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for track, resampler, settings in tracks:
            seconds = float(pts[-1] * time_base) + 1 / RATE - settings["start"] / settings["rate"]
            for frame in tone(settings["rate"], seconds, settings["channels"], settings["start"]):
                for part in resampler.resample(frame):
                    output.mux(track.encode(part))
            for part in resampler.resample(None):
                output.mux(track.encode(part))
            output.mux(track.encode(None))
    return path


def _add_track(
    output: Any,
    codec: str = "aac",
    rate: int = 48000,
    channels: int = 2,
    language: str = "",
    start: int = 0,
    default: bool = False,
) -> tuple[Any, av.AudioResampler, dict[str, int]]:
    layout = {1: "mono", 2: "stereo"}[channels]
    track = output.add_stream(codec, rate=rate, layout=layout, options={"strict": "-2"})
    if default:
        track.disposition = Disposition.default
    if language:
        track.metadata["language"] = language
    sample_format = track.codec_context.codec.audio_formats[0].name
    resampler = av.AudioResampler(format=sample_format, layout=layout, rate=rate, frame_size=1024)
    return track, resampler, {"rate": rate, "channels": channels, "start": start}


AAC = ({"codec": "aac"},)
OPEN_GOP = X264 | {"x264-params": "open-gop=1:scenecut=0:keyint=12:min-keyint=12:b-adapt=0"}
VARIABLE = tuple(int(n * 33 + (n % 5) * 4 + (n // 13) * 200) for n in range(FRAMES))
X265 = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=12:min-keyint=12:scenecut=0:pools=none"}
VP9 = {"deadline": "realtime", "cpu-used": "8", "g": "12", "b": "300k"}
VP8 = {"deadline": "good", "cpu-used": "5", "g": "12", "b": "300k"}
AV1 = {"preset": "12", "g": "12", "svtav1-params": "lp=1"}


def av1(path: Path) -> Path:
    """SVT-AV1, where it runs as root, makes the thread that opens it a real-time one (SCHED_FIFO 99); so would be every
    process that the tests start after it, and two that spin would keep a machine of two cores to themselves."""
    try:
        return encode(path, "libsvtav1", options=AV1)
    finally:
        if hasattr(os, "sched_setscheduler"):  # Linux
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def packed_b_frames(path: Path) -> Path:
    """MPEG-4 in AVI as DivX wrote it: a P-frame and the B-frame before it share a packet, an empty one follows."""
    encoder: Any = av.CodecContext.create("mpeg4", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.max_b_frames, encoder.gop_size = Fraction(1, RATE), RATE, 1, 12
    encoder.options = {"b_strategy": "0", "sc_threshold": "1000000000"}
    coded = []
    for number in range(FRAMES):
        frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, RATE), 0
        coded += [(bytes(p), p.is_keyframe) for p in encoder.encode(frame)]
    coded += [(bytes(p), p.is_keyframe) for p in encoder.encode(None)]
    chunks: list[tuple[bytes, bool]] = []
    for data, key in coded:
        kind = data[data.find(b"\0\0\1\xb6") + 4] >> 6  # vop_coding_type: I, P, B
        if kind == 2:
            chunks[-1] = (chunks[-1][0] + data, chunks[-1][1])
            chunks.append((b"\0\0\1\xb6\x5f\xff\xff", False))
        else:
            chunks.append((data.replace(b"\0\0\1\xb6", b"\0\0\1\xb2DivX503b1393p\0\0\1\xb6", 1) if key else data, key))
    with av.open(str(path), "w", format="avi") as output:
        stream: Any = output.add_mux_stream("mpeg4", rate=RATE, width=WIDTH, height=HEIGHT)
        stream.time_base = Fraction(1, RATE)
        for number, (data, key) in enumerate(chunks):
            packet: Any = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, RATE)
            packet.pts = packet.dts = number
            packet.is_keyframe = key
            output.mux_one(packet)
    return path


def mp3_with_cover(path: Path) -> Path:
    """MP3 frames of silence after an ID3 tag with a picture."""
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "yuvj420p", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(picture(1, 64, 64), format="rgb24").reformat(format="yuvj420p")
    frame.pts = 0
    jpeg = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    body = b"\0image/jpeg\0\x03\0" + jpeg
    apic = b"APIC" + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = bytes(len(apic) >> shift & 0x7F for shift in (21, 14, 7, 0))
    silence = b"\xff\xfb\x90\x64" + bytes(413)
    path.write_bytes(b"ID3\x03\0\0" + size + apic + silence * 100)
    return path


def audio_only(path: Path) -> Path:
    with av.open(str(path), "w") as output:
        track, resampler, settings = _add_track(output)
        for frame in tone(settings["rate"], 1.0):
            for part in resampler.resample(frame):
                output.mux(track.encode(part))
        output.mux(track.encode(None))
    return path


def cut_short(whole: Path, path: Path, share: float = 0.6) -> Path:
    data = whole.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def decode_straight(path: Path, limit: int | None = None) -> list[str]:
    """A hash per frame, decoded from first to last with one thread. Knows nothing of `media`."""
    hashes: list[str] = []
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams.video if not int(s.disposition) & 1024)
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            try:
                hashes += [frame_hash(frame) for frame in packet.decode()]
            except av.FFmpegError:
                continue
            if limit is not None and len(hashes) >= limit:
                return hashes[:limit]
    return hashes


def frame_hash(frame: av.VideoFrame) -> str:
    """MD5 of the visible bytes of every plane."""
    digest = hashlib.md5(usedforsecurity=False)
    for number, plane in enumerate(frame.planes):
        parts = [c for c in frame.format.components if c.plane == number]
        row = max(c.width * ((c.bits + 7) // 8) for c in parts) * len(parts)
        pixels = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: max(c.height for c in parts), :row]
        digest.update(np.ascontiguousarray(pixels))
    return digest.hexdigest()


type Maker = Callable[[Path], Path]

# Kind -> (file name, maker). Every one of these is a video that can be scored.
VIDEOS: dict[str, tuple[str, Maker]] = {
    "h264 closed GOP": ("closed.mp4", lambda p: encode(p, options=X264, audio=AAC)),
    "h264 open GOP": ("open.mp4", lambda p: encode(p, options=OPEN_GOP, audio=AAC)),
    "h264 intra refresh": (
        "refresh.mp4",
        lambda p: encode(p, options=X264 | {"bf": "0", "x264-params": "intra-refresh=1:keyint=12:scenecut=0"}),
    ),
    "h264 one GOP": ("one_gop.mkv", lambda p: encode(p, options=X264 | {"g": "250", "x264-params": "keyint=250"})),
    "h264 variable rate": (
        "vfr.mp4",
        lambda p: encode(p, options=X264, pts=VARIABLE, time_base=Fraction(1, 1000), audio=AAC),
    ),
    "h264 late start": (
        "offset.mkv",
        lambda p: encode(p, options=X264, pts=range(1500, 1500 + 33 * 40, 33), time_base=Fraction(1, 1000), audio=AAC),
    ),
    "h264 edit list": (
        "edit.mp4",
        lambda p: encode(p, options=X264, pts=range(-5, 35), container_options={"avoid_negative_ts": "disabled"}),
    ),
    "h264 fragmented": (
        "fragmented.mp4",
        lambda p: encode(p, options=X264, audio=AAC, container_options={"movflags": "frag_keyframe+empty_moov"}),
    ),
    "h264 rotated": ("rotated.mp4", lambda p: encode(p, options=X264, rotation=90)),
    "h264 10 bit": ("ten_bit.mp4", lambda p: encode(p, options=X264, pix_fmt="yuv420p10le")),
    "h264 4:4:4 odd size": ("odd.mp4", lambda p: encode(p, options=X264, pix_fmt="yuv444p", size=(161, 91))),
    "h264 anamorphic": ("sar.mp4", lambda p: encode(p, options=X264, sar=Fraction(16, 11))),
    "h264 full range": ("full.mp4", lambda p: encode(p, options=X264, pix_fmt="yuvj420p")),
    "h264 MPEG-TS": ("h264.ts", lambda p: encode(p, options=X264, audio=AAC)),
    "h264 open GOP MPEG-TS": ("open.ts", lambda p: encode(p, options=OPEN_GOP)),
    "mpeg2 MPEG-TS": (
        "mpeg2.ts",
        lambda p: encode(p, "mpeg2video", options={"g": "12", "bf": "2"}, audio=({"codec": "mp2"},)),
    ),
    "hevc": ("hevc.mp4", lambda p: encode(p, "libx265", options=X265, audio=AAC)),
    "vp8": ("vp8.webm", lambda p: encode(p, "libvpx", options=VP8, audio=({"codec": "vorbis"},))),
    "vp9": ("vp9.webm", lambda p: encode(p, "libvpx-vp9", options=VP9, audio=({"codec": "libopus"},))),
    "av1": ("av1.mp4", av1),
    "mjpeg": ("mjpeg.mov", lambda p: encode(p, "mjpeg", pix_fmt="yuvj420p", audio=({"codec": "pcm_s16le"},))),
    "prores": ("prores.mov", lambda p: encode(p, "prores_ks", pix_fmt="yuv422p10le")),
    "gif": (
        "anim.gif",
        lambda p: encode(p, "gif", pix_fmt="rgb8", pts=range(0, 4 * FRAMES, 4), time_base=Fraction(1, 100)),
    ),
    "mpeg4 avi": ("mpeg4.avi", lambda p: encode(p, "mpeg4", options={"g": "12"}, audio=({"codec": "pcm_s16le"},))),
    "h264 avi": ("h264.avi", lambda p: encode(p, options=X264)),
    "packed B-frames avi": ("packed.avi", packed_b_frames),
    "raw h264": ("raw.h264", lambda p: encode(p, options=X264, container="h264")),
    "two audio tracks": (
        "two.mkv",
        lambda p: encode(
            p,
            options=X264,
            audio=(
                {"codec": "aac", "language": "eng"},
                {"codec": "ac3", "language": "fra", "channels": 1, "rate": 44100, "default": True},
            ),
        ),
    ),
    "one frame": ("one.mp4", lambda p: encode(p, options=X264, pts=(0,))),
}

COUNTED = {"h264 avi", "packed B-frames avi", "raw h264"}
