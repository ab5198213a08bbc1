"""A video's facts, read without the app, are those that the app's own probe finds."""

from pathlib import Path

import pytest

from client import video_facts
from client.errors import InvalidInput
from media.index import probe
from tests.media.clips import COUNTED, VIDEOS, audio_only, cut_short, mp3_with_cover

pytestmark = pytest.mark.timeout(60)

# One of each way that packets are told apart; encoders that take seconds are left to the probe's own tests.
KINDS = (
    *("h264 closed GOP", "h264 open GOP", "h264 variable rate", "h264 late start", "h264 edit list"),
    *("h264 fragmented", "h264 rotated", "h264 4:4:4 odd size", "h264 MPEG-TS", "vp8", "prores", "gif", "one frame"),
)


def made(kind: str, folder: Path) -> Path:
    name, maker = VIDEOS[kind]
    return maker(folder / name)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_size_and_duration_are_as_the_app_finds_them(kind: str, tmp_path: Path) -> None:
    path = made(kind, tmp_path)
    index, facts = probe(path), video_facts.read(path)
    assert (facts.frames, facts.width, facts.height) == (index.frame_count, index.width, index.height)
    assert facts.seconds == pytest.approx(float(index.duration), abs=0.04)
    assert facts.bytes == path.stat().st_size


@pytest.mark.parametrize("kind", sorted(COUNTED))
def test_where_packets_do_not_tell_frames_apart_it_comes_near(kind: str, tmp_path: Path) -> None:
    path = made(kind, tmp_path)
    assert video_facts.read(path).frames == pytest.approx(probe(path).frame_count, abs=2)


def test_a_name_that_looks_like_an_address_is_a_file_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made("one frame", tmp_path).rename(tmp_path / "concat:a.mp4")
    monkeypatch.chdir(tmp_path)
    assert video_facts.read(Path("concat:a.mp4")).frames == 1


def test_what_is_no_video_is_told_clearly(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("no video " * 1000)
    cut = cut_short(made("h264 closed GOP", tmp_path), tmp_path / "cut.mp4")
    playlist = tmp_path / "list.mp4"
    playlist.write_text("ffconcat version 1.0\nfile h264.ts\n")
    made("h264 MPEG-TS", tmp_path)
    for path, told in [
        (text, "notes.mp4: not a video file that can be read"),
        (cut, "cut.mp4: not a video file that can be read"),
        (audio_only(tmp_path / "song.m4a"), "song.m4a: there is no video in it"),
        (mp3_with_cover(tmp_path / "song.mp3"), "song.mp3: there is no video in it"),
        (playlist, "list.mp4: a playlist, which names other files"),
    ]:
        with pytest.raises(InvalidInput, match=told):
            video_facts.read(path)
