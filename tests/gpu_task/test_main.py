"""The commands of `python -m gpu_task`, and what they do not import. A task itself: test_program.py."""

import json
import subprocess
import sys

import pytest

from gpu_task.__main__ import COMMANDS, main
from tests.gpu_task.conftest import ROOT

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([command, "--help"])

    assert done.value.code == 0
    assert "usage: python -m gpu_task" in capsys.readouterr().out


def test_an_unknown_command_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paint"]) == 2

    told = capsys.readouterr().err
    assert "no command 'paint'; there are: fit, evaluate, export-features" in told


def test_help_needs_no_torch() -> None:
    script = (
        "import json, sys; from gpu_task.__main__ import main; code = main(['--help']);"
        "print(json.dumps([code, 'torch' in sys.modules, 'azure' in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )

    assert json.loads(done.stdout.splitlines()[-1]) == [0, False, False]
    assert "export-features" in done.stdout
