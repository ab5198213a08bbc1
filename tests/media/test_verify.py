"""Reading a file back."""

from fractions import Fraction
from pathlib import Path

from media.verify import audio_digests, frame_times_of
from tests.media.clips import FRAMES, encode
from tests.media.conftest import Clip, Clips


def test_frame_times_are_those_of_the_index(clip: Clip) -> None:
    if clip.index.seek != "ordinal":
        assert frame_times_of(clip.path) == [pts * clip.index.time_base for pts in clip.index.frames.decode()]


def test_frame_times_are_seconds(clips: Clips) -> None:
    assert frame_times_of(clips("h264 closed GOP").path) == [Fraction(n, 30) for n in range(FRAMES)]


def test_digests_tell_streams_apart(clips: Clips) -> None:
    digests = audio_digests(clips("two audio tracks").path)
    assert [(d.index, d.codec) for d in digests] == [(1, "aac"), (2, "ac3")]
    assert len({d.sha256 for d in digests}) == 2
    assert all(d.packets > 20 for d in digests)


def test_digests_see_a_changed_packet(clips: Clips, tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mov", "mjpeg", pix_fmt="yuvj420p", audio=({"codec": "pcm_s16le"},))
    louder = encode(tmp_path / "b.mov", "mjpeg", pix_fmt="yuvj420p", audio=({"codec": "pcm_s16le", "channels": 1},))
    assert audio_digests(path) == audio_digests(clips("mjpeg").path)
    assert audio_digests(path) != audio_digests(louder)


def test_a_silent_film_has_no_digests(clips: Clips) -> None:
    assert audio_digests(clips("h264 rotated").path) == []
