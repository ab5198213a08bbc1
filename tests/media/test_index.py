"""The index of every kind of video, and clear refusals of what is not one."""

import io
import random
from fractions import Fraction
from pathlib import Path

import pytest

from media.errors import TruncatedMedia, UnsupportedMedia
from media.index import ProbeLimits, probe
from tests.media.clips import AAC, COUNTED, FRAMES, VARIABLE, X264, audio_only, cut_short, encode, mp3_with_cover
from tests.media.conftest import Clip, Clips
from tests.media.damage import GROSS, break_packets, packet_times

pytestmark = pytest.mark.timeout(60)


def test_every_frame_of_a_straight_decode_is_indexed(clip: Clip) -> None:
    assert clip.index.frame_count == len(clip.hashes)


def test_only_streams_without_trustworthy_packets_are_counted(clip: Clip) -> None:
    mpegts = clip.index.container == "mpegts"
    assert clip.index.seek == ("ordinal" if clip.kind in COUNTED else "dts" if mpegts else "pts")


def test_a_file_like_gives_the_same_index_as_a_path(clip: Clip) -> None:
    assert probe(io.BytesIO(clip.path.read_bytes())) == clip.index


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("h264 closed GOP", {"codec": "h264", "width": 160, "height": 90, "average_rate": 30, "last_duration": 512}),
        ("h264 rotated", {"rotation": 90}),
        ("h264 anamorphic", {"sample_aspect_ratio": Fraction(16, 11)}),
        ("h264 10 bit", {"pix_fmt": "yuv420p10le"}),
        ("h264 4:4:4 odd size", {"pix_fmt": "yuv444p", "width": 161, "height": 91}),
        ("hevc", {"codec": "hevc"}),
        ("vp9", {"codec": "vp9", "container": "matroska,webm"}),
        ("av1", {"codec": "av1"}),
        ("prores", {"codec": "prores", "pix_fmt": "yuv422p10le"}),
        ("gif", {"pix_fmt": "bgra", "time_base": Fraction(1, 100)}),
        ("raw h264", {"container": "h264", "time_base": Fraction(1, 30)}),
        ("one frame", {"frame_count": 1, "keyframes": 1}),
    ],
)
def test_streams_are_described(clips: Clips, kind: str, expected: dict[str, object]) -> None:
    index = clips(kind).index
    found = {key: len(index.keyframes) if key == "keyframes" else getattr(index, key) for key in expected}
    assert found == expected


def test_times_are_the_sources(clips: Clips) -> None:
    def times(kind: str) -> list[Fraction]:
        index = clips(kind).index
        return [pts * index.time_base for pts in index.frames.decode()]

    assert times("h264 variable rate") == [Fraction(pts, 1000) for pts in VARIABLE]
    assert times("h264 late start")[0] == Fraction(3, 2)
    assert times("h264 closed GOP") == times("packed B-frames avi") == [Fraction(n, 30) for n in range(FRAMES)]
    assert times("h264 edit list") == [Fraction(n, 30) for n in range(35)]


def test_seek_points_are_only_where_decoding_can_start(clips: Clips) -> None:
    assert [k.pts // 512 for k in clips("h264 closed GOP").index.keyframes] == [0, 12, 24, 36]
    assert len(clips("h264 open GOP").index.keyframes) == 4
    assert len(clips("h264 intra refresh").index.keyframes) == 1


def test_audio_streams_are_listed_with_their_language(clips: Clips) -> None:
    tracks = clips("two audio tracks").index.audio
    found = [(t.index, t.codec, t.sample_rate, t.channels, t.language) for t in tracks]
    assert found == [(1, "aac", 48000, 2, "eng"), (2, "ac3", 44100, 1, "fra")]
    assert clips("h264 rotated").index.audio == ()


def test_full_range_is_seen(clips: Clips) -> None:
    assert clips("h264 full range").index.color.range == 2


def test_a_recording_that_starts_inside_a_group_of_pictures_begins_at_its_first_frame(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.ts", options=X264)
    data = whole.read_bytes()
    middle = len(data) // 3 // 188 * 188
    cut = tmp_path / "joined_late.ts"
    cut.write_bytes(data[: 188 * 3] + data[middle:])
    index = probe(cut)
    assert index.seek == "dts"
    assert index.frames.start == index.keyframes[0].pts > probe(whole).frames.start


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", r"empty\.mp4: the file is empty \(0 bytes\)"),
        ("notes.txt", b"These are not the frames you are looking for.\n" * 40, r"notes\.txt: not a video file"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n", r"list\.mp4: not a video file"),
        ("list.ffconcat", b"ffconcat version 1.0\nfile '/etc/hostname'\n", r"list\.ffconcat: not a video file"),
    ],
)
def test_what_is_no_video_is_refused_by_name(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnsupportedMedia, match=message):
        probe(path)


def test_an_empty_file_like_is_refused() -> None:
    with pytest.raises(UnsupportedMedia, match="input: not a video file"):
        probe(io.BytesIO())


def test_audio_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedMedia, match=r"sound\.m4a: no video stream; it holds audio"):
        probe(audio_only(tmp_path / "sound.m4a"))


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedMedia, match=r"song\.mp3: no video stream \(only cover art\)"):
        probe(mp3_with_cover(tmp_path / "song.mp3"))


def test_a_cut_off_upload_is_seen_before_any_work(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", options=X264, audio=AAC, container_options={"movflags": "+faststart"})
    cut = cut_short(whole, tmp_path / "cut.mp4")
    with pytest.raises(TruncatedMedia, match=rf"cut\.mp4: cut short: .* the file ends at {cut.stat().st_size}"):
        probe(cut)


def test_a_file_without_its_index_is_refused(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", options=X264)
    with pytest.raises(UnsupportedMedia, match=r"cut\.mp4: not a video file"):
        probe(cut_short(whole, tmp_path / "cut.mp4"))


def test_a_url_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="a URL was given") as caught:
        probe("https://account.blob.core.windows.net/videos/a.mp4?sig=secret")
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "absent.mp4")


@pytest.mark.parametrize(
    ("kind", "limits", "message"),
    [
        ("h264 closed GOP", ProbeLimits(max_frames=39), "40 frames, over the limit of 39"),
        ("h264 closed GOP", ProbeLimits(max_pixels=160 * 90 - 1), "160x90 is over the limit of 14399 pixels"),
        ("raw h264", ProbeLimits(max_counted_frames=39), "more than the 39 frames that are counted by decoding; remux"),
    ],
)
def test_limits_are_named(clips: Clips, kind: str, limits: ProbeLimits, message: str) -> None:
    with pytest.raises(UnsupportedMedia, match=message):
        probe(clips(kind).path, limits=limits)


@pytest.mark.parametrize(
    ("fourcc", "message"),
    [
        (b"jpeg", "the codec of its video stream cannot be decoded"),
        (b"sowt", "the codec of audio stream 1 is not known"),
    ],
)
def test_unknown_codecs_are_refused(clips: Clips, tmp_path: Path, fourcc: bytes, message: str) -> None:
    path = tmp_path / "odd.mov"
    path.write_bytes(clips("mjpeg").path.read_bytes().replace(fourcc, b"zz9z"))
    with pytest.raises(UnsupportedMedia, match=rf"odd\.mov: {message}"):
        probe(path)


@pytest.mark.parametrize("damage", GROSS)
@pytest.mark.parametrize("group", [0, 1, 2])
def test_damage_takes_no_frame_out_of_the_index(clips: Clips, tmp_path: Path, group: int, damage: str) -> None:
    clip = clips("h264 closed GOP")
    broken = dict.fromkeys(packet_times(clip.path)[12 * group : 12 * (group + 1)], GROSS[damage])
    index = probe(break_packets(clip.path, broken, tmp_path / "broken.mp4"))
    assert index.seek == "pts"
    assert index.frames == clip.index.frames


def test_damage_that_the_decoder_conceals_takes_no_frame_out_of_the_index(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    for begin in range(13, 30, 4):  # within the groups of pictures that the probe decodes, and beyond
        broken = dict.fromkeys(packet_times(clip.path)[begin : begin + 3], GROSS["half gone"])
        index = probe(break_packets(clip.path, broken, tmp_path / f"broken{begin}.mp4"))
        assert index.frames == clip.index.frames


def test_frames_that_have_to_be_counted_are_not_counted_through_damage(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 avi")
    data = bytearray(clip.path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4_000] = random.Random(1).randbytes(4_000)
    broken = tmp_path / "broken.avi"
    broken.write_bytes(data)
    with pytest.raises(UnsupportedMedia, match="nobody knows how many frames the damage took"):
        probe(broken)
