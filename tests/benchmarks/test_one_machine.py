import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from benchmarks import one_machine
from benchmarks.local_system import Job
from benchmarks.one_machine import RAY, SINGLE, SYSTEM, Bench, Turn, UnlikeError, check_alike, goals, ratio, rows
from benchmarks.plain_video import PaintedVideo, decode
from benchmarks.process_tree import tree_cpu


@pytest.fixture
def turns() -> list[Turn]:
    return [Turn(side, "auto", wall, cpu) for side, wall, cpu in
            [(SYSTEM, 11.0, 20.0), (SINGLE, 10.0, 16.0), (RAY, 22.0, 40.0),
             (RAY, 20.0, 40.0), (SINGLE, 10.0, 16.0), (SYSTEM, 13.0, 20.0)]]  # fmt: skip


def test_a_row_for_each_side_has_its_median_and_range(turns: list[Turn]) -> None:
    found = rows(turns, frames=60)

    assert [row["side"] for row in found] == [SYSTEM, SINGLE, RAY]
    assert found[0] == {"precision": "auto", "side": SYSTEM, "turns": 2, "wall s": 12.0, "fastest": 11.0,
                        "slowest": 13.0, "CPU s": 20.0, "ms a frame": 200.0}  # fmt: skip


def test_ratios_are_of_the_same_turn(turns: list[Turn]) -> None:
    assert ratio(turns, "auto", SINGLE) == 1.2
    assert ratio(turns, "auto", RAY) == 0.575
    assert ratio(turns, "auto", SINGLE, "cpu") == 1.25
    assert ratio(turns, "float32", SINGLE) is None


def test_goals_are_judged_and_a_side_that_did_not_run_is_not_measured(turns: list[Turn]) -> None:
    assert [goal.met for goal in goals(turns, "60 s", "")] == [False, None, True]

    without_ray = goals([turn for turn in turns if turn.side != RAY], "60 s", "no wheel")[2]
    assert (without_ray.met, without_ray.why) == (None, "no wheel")


def remade(clip: Path, out: Path, *, drop: int = 0, invert: bool = False) -> Path:
    """`clip` encoded anew, without its last `drop` frames, or in negative."""
    frames = list(decode(clip))
    with PaintedVideo(out, clip) as result:
        for pts, rgb in frames[: len(frames) - drop]:
            result.write(pts, 255 - rgb if invert else rgb)
    return out


def test_results_that_are_alike_pass(small_clip: Path, tmp_path: Path) -> None:
    check_alike(small_clip, [remade(small_clip, tmp_path / "a.mp4"), small_clip])


def test_a_lost_frame_other_pictures_and_lost_sound_do_not(small_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UnlikeError, match="5 frames of 6, sound kept"):
        check_alike(small_clip, [remade(small_clip, tmp_path / "a.mp4", drop=1)])
    with pytest.raises(UnlikeError, match="a frame differs by"):
        check_alike(small_clip, [small_clip, remade(small_clip, tmp_path / "b.mp4", invert=True)])
    with av.open(str(small_clip)) as source, av.open(str(tmp_path / "mute.mp4"), "w") as mute:
        copy = mute.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                mute.mux(packet)
    with pytest.raises(UnlikeError, match="6 frames of 6, sound changed"):
        check_alike(small_clip, [tmp_path / "mute.mp4"])


@pytest.mark.timeout(240)
def test_system_and_single_process_take_turns_at_the_same_clip(small_clip: Path, tmp_path: Path) -> None:
    turns = one_machine.compare(Bench(small_clip, tmp_path / "work", None), runs=1, float32_runs=0)
    settings = {"clip": "small", "frames": 6, "style": one_machine.STYLE}
    report = one_machine.write(turns, settings, "left out", tmp_path)

    assert [turn.side for turn in turns] == [SYSTEM, SINGLE]
    job = turns[0].job
    assert isinstance(job, Job)
    assert job.report["frames"] == 6
    assert {"client and upload", "probe", "plan", "score", "stitch", "publish", "notice and download"} <= set(
        job.phases
    )
    assert sum(job.phases.values()) == pytest.approx(job.wall, abs=0.1)
    assert len(job.tasks) == job.report["chunks"]
    assert all(turn.cpu > 0 for turn in turns)
    assert json.loads((tmp_path / "one_machine.json").read_text())["ratios"].keys() == {
        "wall auto: system / single process", "cpu auto: system / single process"
    }  # fmt: skip
    assert any(row.get("part of the system's wall time") == "score: told" for row in report.results)


def test_cpu_seconds_are_of_all_descendants() -> None:
    burn = "import subprocess, sys, time; n = time.process_time()\nwhile time.process_time() - n < 0.3: pass\n"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print('x'); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        assert tree_cpu(process.pid) >= 0.25


def test_a_network_that_the_system_compiled_is_compiled_on_the_other_sides_too(
    small_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 0, "6\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    bench = Bench(small_clip, tmp_path, None, compiled={"auto"})

    for precision in ("auto", "float32"):
        bench.single(precision, f"{precision}0")

    assert ["--compiled" in command for command in ran] == [True, False]
