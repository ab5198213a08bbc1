"""One package is compiled here, for all tests: it takes some twenty seconds."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch._inductor import config as inductor

from contracts.task_spec import Execution, ModelRef, ScorerOptions
from gpu_task import compile as command
from gpu_task import compiled
from gpu_task.compiled import CompileError, CompilerMissingError, compiled_painting, package_key
from gpu_task.compiled_folder import FOLDER_VARIABLE
from gpu_task.content import photographs
from gpu_task.network import StyleNetwork
from gpu_task.painting import Painting, make_painting
from gpu_task.scorers.style_transfer import StyleTransfer, open_network

CPU = torch.device("cpu")
WIDTH, HEIGHT = 34, 32
SHAPE = (1, HEIGHT, WIDTH, 3)
needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None and "CI" not in os.environ, reason="g++, which compiles networks, is not installed"
)
pytestmark = [pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node's folder with one package, made by the command."""
    made = tmp_path_factory.mktemp("node") / "compiled"
    assert command.main(["--size", f"{WIDTH}x{HEIGHT}", "--precision", "float32", "--out", str(made)]) == 0
    return made


@pytest.fixture
def on_the_node(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing more is compiled."""

    def never(*about: object) -> None:
        raise AssertionError("it is compiled again")

    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.setattr(compiled, "_make", never)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.ascontiguousarray(photographs()[0][None, 100 : 100 + HEIGHT, 100 : 100 + WIDTH])


def scored(style: str, frames: np.ndarray, is_compiled: bool, **options: object) -> np.ndarray:
    network = open_network(ModelRef(name=style, sha256=None, builtin=True))
    execution = Execution(precision="float32", compiled=is_compiled)
    scorer = StyleTransfer(network, ScorerOptions.model_validate(options), CPU, execution)
    scorer.prepare(WIDTH, HEIGHT)
    assert scorer.device.endswith("compiled" if is_compiled else "eager")
    return scorer.score(frames)


@needs_compiler
@pytest.mark.usefixtures("on_the_node")
@pytest.mark.parametrize("style", ["starry-night", "mosaic", "woodcut"])
@pytest.mark.parametrize("options", [{}, {"strength": 0.5}, {"keep_color": True}], ids=str)
def test_one_package_paints_every_style_with_any_options(
    style: str, options: dict[str, object], frames: np.ndarray
) -> None:
    painted = scored(style, frames, True, **options)

    wanted = scored(style, frames, False, **options)
    assert painted.shape == wanted.shape
    assert abs(painted.astype(int) - wanted).max() <= 1


@needs_compiler
def test_nothing_but_the_package_is_left(folder: Path) -> None:
    assert sorted(path.suffix for path in folder.iterdir()) == [".lock", ".pt2", ".sha256"]


def test_without_a_compiler_the_remedy_is_named(tmp_path: Path) -> None:
    missing = pytest.raises(CompilerMissingError, match=r"install g\+\+.*SCORE_COMPILE=never")

    with inductor.patch({"cpp.cxx": "no-such-compiler"}), missing:
        compiled_painting(painting(), SHAPE, CPU, tmp_path / "compiled")


def test_a_compiler_that_fails_is_an_error_that_names_the_remedy(tmp_path: Path) -> None:
    broken = tmp_path / "g++"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho out of tape >&2\nexit 1\n')
    broken.chmod(0o755)
    failed = pytest.raises(CompileError, match=r"34x32.*could not be compiled.*SCORE_COMPILE=never")

    with inductor.patch({"cpp.cxx": str(broken)}), failed:
        compiled_painting(make_painting(nn.Identity(), torch.float32, CPU), SHAPE, CPU, tmp_path / "compiled")


def painting(dtype: torch.dtype = torch.float32) -> Painting:
    return make_painting(StyleNetwork(), dtype, CPU)


def test_a_package_is_for_all_weights_and_for_one_of_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    key = package_key(painting(), SHAPE, CPU)
    assert package_key(painting(), SHAPE, CPU) == key  # other random weights

    others = {
        package_key(painting(torch.bfloat16), SHAPE, CPU),
        package_key(painting(), (2, *SHAPE[1:]), CPU),
        package_key(painting(), (1, WIDTH, HEIGHT, 3), CPU),
    }
    with monkeypatch.context() as newer:
        newer.setattr(torch, "__version__", "99.0")
        others.add(package_key(painting(), SHAPE, CPU))
    with monkeypatch.context() as wider:
        wider.setattr(torch, "get_num_threads", lambda: 64)
        others.add(package_key(painting(), SHAPE, CPU))
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("platform.machine", lambda: "other")
        others.add(package_key(painting(), SHAPE, CPU))
    assert len(others) == 6
    assert key not in others


def test_a_package_is_for_one_version_of_the_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources = compiled._sources(painting())
    assert {path.name for path in sources} == {"compiled.py", "fast_network.py", "frame_norm.py", "painting.py"}
    key = package_key(painting(), SHAPE, CPU)

    changed = tmp_path / "fast_network.py"
    changed.write_text("# changed")
    monkeypatch.setattr(compiled, "_sources", lambda of: sources | {changed})

    assert package_key(painting(), SHAPE, CPU) != key


@pytest.mark.parametrize("size", ["640", "640x", "x360", "8x360", "640x360x3"])
def test_a_size_that_is_none_is_refused(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--size", size])

    assert "is not a size; give width x height, 16 or more: 1280x720" in capsys.readouterr().err
