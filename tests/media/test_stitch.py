"""Segments become one MP4: every frame at its time, every audio packet as it was."""

import io
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from media.errors import SegmentMismatch, StitchRefused
from media.frames import output_size, to_rgb
from media.index import probe
from media.ranged import RangedReader
from media.reader import read_frames
from media.segment import EncoderSettings, SegmentWriter
from media.stitch import Segment, stitch
from media.verify import audio_digests, frame_times_of
from tests.media.clips import AAC, X264, cut_short, encode
from tests.media.conftest import Clip, Clips
from tests.media.making import write_segment, write_segments

pytestmark = pytest.mark.timeout(120)

STARTS = (0, 1, 11, 24, 39)


def source_times(clip: Clip) -> list[Fraction]:
    return [pts * clip.index.time_base for pts in clip.index.frames.decode()]


def test_every_frame_has_the_sources_time(clip: Clip, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    report = stitch(write_segments(clip, tmp_path, STARTS), clip.path, clip.index, out)
    expected = [time - report.shift for time in source_times(clip)]
    assert frame_times_of(out) == expected
    assert report.frames == clip.index.frame_count
    assert report.start == expected[0]
    assert report.bytes == out.stat().st_size
    with av.open(str(out)) as container:
        decoded = [frame.pts * frame.time_base for frame in container.decode(video=0) if frame.pts is not None]
    assert decoded == expected


@pytest.mark.parametrize(
    "kind",
    [
        "h264 closed GOP",
        "h264 fragmented",
        "h264 late start",
        "hevc",
        "vp8",
        "vp9",
        "mpeg2 MPEG-TS",
        "two audio tracks",
    ],
)
def test_audio_packets_are_copied(clips: Clips, kind: str, tmp_path: Path) -> None:
    clip = clips(kind)
    out = tmp_path / "out.mp4"
    report = stitch(write_segments(clip, tmp_path, STARTS), clip.path, clip.index, out)
    assert [(t.index, t.codec, t.action) for t in report.audio] == [
        (t.index, t.codec, "copied") for t in clip.index.audio
    ]
    # MP4 has one code for MPEG-1 audio of all layers, so that mp2 reads back as mp3; decoders look at the packets.
    sounds = [(d.packets, d.sha256) for d in audio_digests(out, stored=True)]
    assert sounds == [(d.packets, d.sha256) for d in audio_digests(clip.path)]
    assert sounds


@pytest.mark.parametrize(("codec", "suffix"), [("pcm_mulaw", "mov"), ("pcm_u8", "avi"), ("adpcm_ms", "avi")])
def test_audio_that_mp4_cannot_hold_is_encoded_in_time(codec: str, suffix: str, tmp_path: Path) -> None:
    path = encode(tmp_path / f"source.{suffix}", "mjpeg", pix_fmt="yuvj420p", audio=({"codec": codec},))
    clip = Clip(codec, path, probe(path), ())
    report = stitch(write_segments(clip, tmp_path, STARTS), path, clip.index, tmp_path / "out.mp4")
    assert [(t.codec, t.action) for t in report.audio] == [(codec, "encoded as aac")]
    assert audio_delay(path, tmp_path / "out.mp4", report.shift) == 0


@pytest.mark.parametrize(
    ("codec", "suffix", "tolerance"),
    # MKV and WebM round audio times to milliseconds (48 samples).
    [("aac", "mp4", 0), ("aac", "ts", 0), ("pcm_s16le", "avi", 0), ("libmp3lame", "mkv", 24), ("libopus", "mkv", 24)],
)
def test_sound_keeps_its_distance_to_the_picture(codec: str, suffix: str, tolerance: int, tmp_path: Path) -> None:
    video = ("mpeg4", {"g": "12"}) if suffix == "avi" else ("libx264", X264)
    path = encode(tmp_path / f"source.{suffix}", video[0], options=video[1], audio=({"codec": codec},))
    clip = Clip(codec, path, probe(path), ())
    report = stitch(write_segments(clip, tmp_path, STARTS), path, clip.index, tmp_path / "out.mp4")
    assert [t.action for t in report.audio] == ["copied"]
    assert abs(audio_delay(path, tmp_path / "out.mp4", report.shift)) <= tolerance


def audio_delay(source: Path, out: Path, shift: Fraction) -> int:
    """Samples by which `out` sounds later than `source` (after `shift`), by cross-correlation."""
    signals: list[np.ndarray] = []
    for path, earlier in ((source, shift), (out, Fraction(0))):
        timeline = np.zeros(1 << 17)
        with av.open(str(path)) as container:
            for frame in container.decode(audio=0):
                begin = round(float(frame.pts * frame.time_base - earlier) * frame.sample_rate)
                mono = frame.to_ndarray().astype(float)
                mono = mono[0] if frame.format.is_planar else mono.reshape(-1, 2)[:, 0]
                timeline[begin : begin + len(mono)] = mono
        signals.append(np.fft.rfft(timeline - timeline.mean()))
    correlation = np.fft.irfft(signals[1] * np.conj(signals[0]))
    delay = int(np.argmax(correlation))
    return delay if delay < 1 << 16 else delay - (1 << 17)


def test_tracks_keep_order_language_and_default(clips: Clips, tmp_path: Path) -> None:
    clip = clips("two audio tracks")
    stitch(write_segments(clip, tmp_path, STARTS), clip.path, clip.index, tmp_path / "out.mp4")
    with av.open(str(clip.path)) as source, av.open(str(tmp_path / "out.mp4")) as out:
        assert [s.language for s in out.streams.audio] == ["eng", "fra"]
        assert [s.disposition for s in out.streams.audio] == [s.disposition for s in source.streams.audio]
        assert out.streams.audio[1].disposition == Disposition.default


def test_rotation_aspect_and_colour_are_kept(clips: Clips, tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    for kind in ("h264 rotated", "h264 anamorphic", "h264 full range"):
        clip = clips(kind)
        out = tmp_path / "out.mp4"
        stitch(write_segments(clip, tmp_path, STARTS), clip.path, clip.index, out)
        found[kind] = probe(out)
    assert found["h264 rotated"].rotation == 90
    assert found["h264 anamorphic"].sample_aspect_ratio == Fraction(16, 11)
    assert found["h264 full range"].color.model_dump() == {"primaries": 6, "trc": 6, "space": 6, "range": 1}


@pytest.mark.parametrize(
    ("kind", "blur"),
    # The gif's dither is colour noise, of which 4:2:0 keeps every fourth sample.
    [("h264 closed GOP", 6), ("h264 full range", 6), ("h264 10 bit", 6), ("h264 4:4:4 odd size", 6), ("gif", 15)],
)
def test_pictures_come_back_as_they_went_in(clips: Clips, kind: str, blur: float, tmp_path: Path) -> None:
    clip = clips(kind)
    size = output_size(clip.index)
    settings = EncoderSettings(crf=1, preset="ultrafast", threads=1)
    with SegmentWriter(tmp_path / "a.mp4", clip.index, 0, 9, size, settings) as segment:
        for frame in read_frames(clip.path, clip.index, 0, 9):
            segment.write(to_rgb(frame, size))
    whole = clip.index.window(0, 9)
    stitch([Segment(0, 9, lambda: tmp_path / "a.mp4")], clip.path, whole, tmp_path / "out.mp4")
    result = probe(tmp_path / "out.mp4")
    for before, after in zip(
        read_frames(clip.path, clip.index, 0, 9), read_frames(tmp_path / "out.mp4", result, 0, 9), strict=True
    ):
        error = to_rgb(before, size).astype(int) - to_rgb(after)
        # A wrong matrix or range shifts whole areas by 8 and more; chroma at half size blurs single pixels.
        assert np.abs(np.median(error, axis=(0, 1))).max() <= 1
        assert np.abs(error).mean() < blur


def test_the_duration_is_the_sources(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 variable rate")
    stitch(write_segments(clip, tmp_path, STARTS), clip.path, clip.index, tmp_path / "out.mp4")
    # The movie header's duration is the longest track's.
    data = (tmp_path / "out.mp4").read_bytes()
    header = data.index(b"mvhd") + 4
    clock, duration = struct.unpack(">II", data[header + 12 : header + 20])
    assert Fraction(duration, clock) == clip.index.duration


def test_the_index_is_at_the_front(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    stitch(write_segments(clip, tmp_path, (0,)), clip.path, clip.index, tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_a_late_recording_starts_at_zero(tmp_path: Path) -> None:
    """A transport stream's clock has run since long before the recording."""
    path = encode(
        tmp_path / "late.ts", options=X264, pts=range(90_000, 90_040), audio=({"codec": "aac", "start": 3000 * 48_000},)
    )
    clip = Clip("late", path, probe(path), ())
    report = stitch(write_segments(clip, tmp_path, STARTS), path, clip.index, tmp_path / "out.mp4")
    assert report.shift > 2990
    assert 0 <= report.start < 1
    assert audio_delay(path, tmp_path / "out.mp4", report.shift) == 0


def test_only_one_segment_is_open_at_a_time(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    files: list[Any] = []

    def opener(segment: Segment) -> Any:
        assert all(file.closed for file in files)
        files.append(segment.open())
        return files[-1]

    segments = [replace(s, open=lambda s=s: opener(s)) for s in write_segments(clip, tmp_path, STARTS)]
    stitch(segments, clip.path, clip.index, tmp_path / "out.mp4")
    assert len(files) >= len(segments)
    assert all(file.closed for file in files)


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ([0, 1, 2, 3], r"frame 39 of 40 missing"),
        ([1, 2, 3, 4], r"frame 0 of 40 missing"),
        ([0, 1, 4], r"frames 11\.\.38 of 40 missing"),
        ([0, 2, 3], r"frames 1\.\.10, frame 39 of 40 missing"),
        ([], r"frames 0\.\.39 of 40 missing"),
        ([0, 1, 2, 2, 3, 4], r"frame 11 is in two segments"),
    ],
)
def test_nothing_is_published_unless_every_frame_is_there_once(
    clips: Clips, tmp_path: Path, kept: list[int], message: str
) -> None:
    bounds = [(0, 0), (1, 10), (11, 23), (24, 38), (39, 39)]
    segments = [Segment(*bounds[n], lambda: io.BytesIO()) for n in kept]
    clip = clips("h264 closed GOP")
    with pytest.raises(StitchRefused, match=message):
        stitch(segments, clip.path, clip.index, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_segments_may_come_in_any_order(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    stitch(write_segments(clip, tmp_path, STARTS)[::-1], clip.path, clip.index, tmp_path / "out.mp4")
    assert frame_times_of(tmp_path / "out.mp4") == source_times(clip)


def test_a_segment_with_other_frames_than_it_says_is_refused(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    segments = write_segments(clip, tmp_path, (0, 20))
    short = write_segment(clip, tmp_path / "short.mp4", 20, 38)
    long = write_segment(clip, tmp_path / "long.mp4", 0, 25)
    with pytest.raises(SegmentMismatch, match=r"segment of frames 20\.\.39: it lacks 1 frames, first 39"):
        stitch([segments[0], Segment(20, 39, lambda: short)], clip.path, clip.index, tmp_path / "out.mp4")
    with pytest.raises(SegmentMismatch, match=r"segment of frames 0\.\.19: no frame is at"):
        stitch([Segment(0, 19, lambda: long), segments[1]], clip.path, clip.index, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_segments_encoded_otherwise_are_refused(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    first = write_segment(clip, tmp_path / "first.mp4", 0, 19)
    smaller = write_segment(clip, tmp_path / "smaller.mp4", 20, 39, 80)
    size = output_size(clip.index)
    with SegmentWriter(tmp_path / "slow.mp4", clip.index, 20, 39, size, EncoderSettings(preset="medium")) as segment:
        for frame in read_frames(clip.path, clip.index, 20, 39):
            segment.write(to_rgb(frame, size))
    for second, message in (
        (smaller, "80x44, the first is 160x90"),
        (tmp_path / "slow.mp4", "codec parameters differ"),
    ):
        pieces = [Segment(0, 19, lambda: first), Segment(20, 39, lambda path=second: path)]
        with pytest.raises(SegmentMismatch, match=rf"segment of frames 20\.\.39: .*{message}"):
            stitch(pieces, clip.path, clip.index, tmp_path / "out.mp4")
        assert not (tmp_path / "out.mp4").exists()


def test_an_error_of_the_store_surfaces_as_itself(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    segments = write_segments(clip, tmp_path, (0, 20))

    class StoreError(Exception):
        pass

    def gone() -> Path:
        raise StoreError("404")

    with pytest.raises(StoreError):
        stitch([segments[0], Segment(20, 39, gone)], clip.path, clip.index, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_a_window_is_not_the_whole_video(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    with pytest.raises(ValueError, match="starts at frame 5"):
        stitch([], clip.path, clip.index.window(5, 9), tmp_path / "out.mp4")


@pytest.mark.parametrize("kind", ["h264 closed GOP", "two audio tracks", "vp9"])
def test_the_source_may_be_ranged_reads(clips: Clips, kind: str, tmp_path: Path) -> None:
    clip = clips(kind)
    data = clip.path.read_bytes()
    segments = write_segments(clip, tmp_path, STARTS)
    source = RangedReader(lambda offset, length: data[offset : offset + length], len(data), 4096)
    stitch(segments, source, clip.index, tmp_path / "out.mp4")
    assert [(d.packets, d.sha256) for d in audio_digests(tmp_path / "out.mp4", stored=True)] == [
        (d.packets, d.sha256) for d in audio_digests(clip.path)
    ]


def test_audio_whose_times_go_back_is_copied_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "back.mkv"
    encode(tmp_path / "source.mkv", options=X264, audio=AAC)
    with av.open(str(tmp_path / "source.mkv")) as source, av.open(str(path), "w") as output:
        streams = {s.index: output.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.size:
                if packet.stream_index == 1 and packet.pts is not None and 500 < packet.pts < 560:
                    packet.pts = packet.dts = 500
                packet.stream = streams[packet.stream_index]
                output.mux_one(packet)
    clip = Clip("back", path, probe(path), ())
    report = stitch(write_segments(clip, tmp_path, STARTS), path, clip.index, tmp_path / "out.mp4")
    assert [(t.action, t.retimed > 0) for t in report.audio] == [("copied", True)]
    digests = audio_digests(tmp_path / "out.mp4"), audio_digests(path)
    assert digests[0][0].sha256 == digests[1][0].sha256


def test_a_segment_that_is_no_video_is_named(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    segments = write_segments(clip, tmp_path, (0, 20))
    broken = replace(segments[1], open=lambda: io.BytesIO(b"<Error>BlobNotFound</Error>"))
    with pytest.raises(SegmentMismatch, match=r"segment of frames 20\.\.39: not a segment"):
        stitch([segments[0], broken], clip.path, clip.index, tmp_path / "out.mp4")


def test_a_cut_off_source_keeps_the_sound_it_has(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.ts", options=X264, audio=({"codec": "mp2"},))
    path = cut_short(whole, tmp_path / "cut.ts")
    clip = Clip("cut", path, probe(path), ())
    stitch(write_segments(clip, tmp_path, STARTS), path, clip.index, tmp_path / "out.mp4")
    assert frame_times_of(tmp_path / "out.mp4")
    assert audio_digests(tmp_path / "out.mp4")[0].packets == audio_digests(path)[0].packets > 0


def test_pictures_before_time_zero_are_kept(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    early = clip.index.frames.model_copy(update={"start": -1024})
    index = clip.index.model_copy(update={"frames": early})
    report = stitch(write_segments(clip, tmp_path, STARTS), clip.path, index, tmp_path / "out.mp4")
    assert report.shift == -1024 * index.time_base
    assert frame_times_of(tmp_path / "out.mp4") == source_times(clip)


def test_a_last_packet_of_padding_is_still_stored(tmp_path: Path) -> None:
    mp3 = ({"codec": "libmp3lame", "rate": 44100},)
    path = encode(tmp_path / "short.mkv", options=X264, pts=(0, 33, 66, 99), time_base=Fraction(1, 1000), audio=mp3)
    clip = Clip("short", path, probe(path), ())
    out = tmp_path / "out.mp4"
    stitch(write_segments(clip, tmp_path, (0,)), path, clip.index, out)
    assert audio_digests(out, stored=True) == audio_digests(path)
    assert audio_digests(out)[0].packets == audio_digests(path)[0].packets - 1
