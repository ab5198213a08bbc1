"""The benchmark of the stitch, at a size of seconds."""

import sys
from pathlib import Path

import pytest

from benchmarks import ffmpeg_program, stitch
from benchmarks.launch import launch
from benchmarks.report import read_report
from benchmarks.segments_clip import make_job
from benchmarks.stitch_turn import take_turn
from media.index import probe
from media.verify import audio_digests, frame_times_of

pytestmark = pytest.mark.timeout(120)
SIZE = (64, 48)


def test_the_source_has_a_frame_for_each_of_the_segments_and_a_sound_as_long(tmp_path: Path) -> None:
    job = make_job(tmp_path, 3, 5, SIZE)
    assert len(job.segments) == 3
    assert job.index.frame_count == 15
    found = probe(job.source)
    times = [pts * found.time_base for pts in found.frames.decode()]
    assert times == [pts * job.index.time_base for pts in job.index.frames.decode()]
    assert len(found.audio) == 1


@pytest.mark.parametrize("side", ["stitch", "product"])
def test_a_turn_makes_the_whole_file(side: str, tmp_path: Path) -> None:
    job = make_job(tmp_path, 3, 5, SIZE)
    (tmp_path / "job.json").write_text(job.index.to_json())
    assert take_turn(side, 5, tmp_path / "out.mp4") > 0
    assert frame_times_of(tmp_path / "out.mp4") == frame_times_of(job.source)
    assert audio_digests(tmp_path / "out.mp4") == audio_digests(job.source)


def test_every_side_is_measured_on_every_size(tmp_path: Path) -> None:
    if ffmpeg_program.find() is None:
        pytest.skip("no ffmpeg here: the benchmark itself would install one")
    stitch.measure((2, 3), 4, 1, SIZE, tmp_path)
    report = read_report(tmp_path / "stitch.json")
    assert [row["segments"] for row in report.results] == [2, 3]
    assert set(report.ratios) == {"speed_2", "speed_3"}
    assert all(row[f"{side}_peak_mb"] > 1 for row in report.results for side in stitch.SIDES)
    assert report.goals[0].measured == min(report.ratios.values())
    assert str(report.settings["ffmpeg"]).startswith("ffmpeg version")


def test_a_launched_command_is_measured_and_its_failure_is_one() -> None:
    said = launch([sys.executable, "-S", "-c", "print('here')"])
    assert said["stdout"] == "here\n"
    assert isinstance(said["peak_bytes"], int)
    with pytest.raises(SystemExit) as ended:
        launch([sys.executable, "-S", "-c", "raise SystemExit(3)"])
    assert ended.value.code == 3
