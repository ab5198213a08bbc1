"""What the demo says of a result. The demo as a whole is a run of the system: see tests/end_to_end."""

import argparse
import json
from pathlib import Path

import pytest
from PIL import Image

from local import demo
from local.state_folder import StateFolder
from tests.local.test_before_after import write_video


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A result of eight frames, with its ledger."""
    folder = tmp_path / "out"
    folder.mkdir()
    write_video(folder / "video.mp4", 8, sound=True)
    write_ledger(folder, 8)
    return folder


def write_ledger(folder: Path, frames: int) -> None:
    entries = [{"first": 0, "last": 3}, {"first": 4, "last": frames - 1}]
    (folder / "ledger.json").write_text(json.dumps({"frame_count": 8, "entries": entries}))


def test_a_complete_result_is_praised_and_pictured(tmp_path: Path, out: Path) -> None:
    source = write_video(tmp_path / "source.mp4", 8, sound=True)
    praise = demo._check(source, out, "wave")
    assert praise == "8 frames in, 8 out, each accounted for; the sound byte for byte the source's"
    with Image.open(out / "before-after.png") as sheet:
        assert sheet.width > 2 * 480


def test_lost_sound_is_told(tmp_path: Path, out: Path) -> None:
    source = write_video(tmp_path / "source.mp4", 8, sound=True)
    write_video(out / "video.mp4", 8, sound=False)
    assert demo._check(source, out, "wave").endswith("the sound changed")


@pytest.mark.parametrize(("source_frames", "ledger_frames", "result_frames"), [(9, 8, 8), (8, 7, 8), (8, 8, 7)])
def test_a_result_that_lacks_a_frame_fails_the_demo(
    tmp_path: Path, out: Path, source_frames: int, ledger_frames: int, result_frames: int
) -> None:
    source = write_video(tmp_path / "source.mp4", source_frames, sound=True)
    write_ledger(out, ledger_frames)
    write_video(out / "video.mp4", result_frames, sound=True)
    with pytest.raises(demo.DemoError, match="the result is not complete: frames: "):
        demo._check(source, out, "wave")
    assert not (out / "before-after.png").exists()


def test_a_second_demo_touches_nothing_of_a_running_one(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "STATE", tmp_path / "state")
    running = StateFolder(tmp_path / "state")
    try:
        assert demo.run(argparse.Namespace(video=None, style="wave", out=out)) == 1
    finally:
        running.close()
    assert "another local stack" in capsys.readouterr().err
    assert (out / "video.mp4").exists()


def test_a_video_that_is_not_there_is_misuse(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.run(argparse.Namespace(video=Path("gone.mp4"), style="wave", out=out)) == 2
    assert "there is no file gone.mp4" in capsys.readouterr().err
