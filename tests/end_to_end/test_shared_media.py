"""Real clips through the client, where they are at hand: a folder `shared/media` beside the checkout."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from media.index import probe
from media.verify import audio_digests, frame_times_of
from tests.end_to_end.local_stack import ROOT, LocalStack

VIDEOS = ROOT.parent / "shared" / "media" / "videos"
CLIPS = sorted(VIDEOS.glob("*")) if VIDEOS.is_dir() else []

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CLIPS, reason=f"no clips in {VIDEOS}"),
]


def packets(video: Path) -> list[tuple[str, int, str]]:
    """Codec, number and hash of each audio track's packets; a track's index may change."""
    return [(digest.codec, digest.packets, digest.sha256) for digest in audio_digests(video)]


@pytest.mark.parametrize("clip", CLIPS, ids=lambda path: path.stem)
def test_a_real_clip_keeps_its_frames_times_audio_and_rotation(stack: LocalStack, clip: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "client", "--endpoint", stack.url, "--storage", stack.endpoints["data_storage"]]
    command += ["submit", str(clip), "--scorer", "identity", "--watch", "--out", str(tmp_path), "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert ran.returncode == 0, ran.stderr

    source, result = probe(clip), probe(tmp_path / "video.mp4")
    assert json.loads(ran.stdout.splitlines()[-1])["frames"] == result.frame_count == source.frame_count
    assert frame_times_of(tmp_path / "video.mp4") == frame_times_of(clip)
    assert result.rotation == source.rotation
    tracks = json.loads((tmp_path / "provenance.json").read_text())["audio"]
    copied = [n for n, track in enumerate(tracks) if track["action"] == "copied"]
    before, after = packets(clip), packets(tmp_path / "video.mp4")
    assert len(after) == len(before) == len(tracks)
    assert [after[n] for n in copied] == [before[n] for n in copied]
    assert all(track["codec"] not in ("aac", "mp3") for track in tracks if track["action"] != "copied")
