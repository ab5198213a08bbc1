import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import performance

BENCHMARKS = Path(command.__file__).parent


def test_every_benchmark_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0

    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in ("scoring", "one_machine", "fan_out", "stitch", "start_up", "quality"))


def test_every_benchmark_that_is_listed_is_there() -> None:
    assert [name for name in command.ABOUT if not (BENCHMARKS / f"{name}.py").is_file()] == []


def test_those_of_speed_are_those_on_the_page() -> None:
    assert set(command.SPEED) == set(performance.SECTIONS)


def test_an_unknown_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["one-machine", "one-gpu"]) == 2
    assert "no benchmark 'one_gpu'; there are: all, scoring" in capsys.readouterr().err


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was run, each as `python -m MODULE`; `benchmarks.stitch` fails."""
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 3 if command[-1] == "benchmarks.stitch" else 0)

    monkeypatch.setattr(subprocess, "run", run)
    return ran


def test_all_runs_every_one_and_says_which_failed(
    commands: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["all", "scoring"]) == 1

    assert all(one[:2] == [sys.executable, "-m"] for one in commands)
    modules = [one[2] for one in commands]
    assert modules == [*(f"benchmarks.{name}" for name in command.SPEED), "benchmarks.performance"]
    assert "failed: stitch" in capsys.readouterr().err


def test_a_hyphen_will_do(commands: list[list[str]]) -> None:
    assert command.main(["one-machine"]) == 0
    assert commands == [[sys.executable, "-m", "benchmarks.one_machine"]]


def test_a_busy_machine_is_warned_of(
    commands: list[list[str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (50.0, 0.0, 0.0))

    command.main(["scoring"])

    assert "warning: load average 50.0" in capsys.readouterr().err
