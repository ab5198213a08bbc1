"""The whole system as a user gets it: `python -m local up` as a process, spoken to through its doors."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.end_to_end.local_stack import LocalStack, make_clip


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A running stack of two nodes, shared by the tests that do not break it."""
    with LocalStack(tmp_path_factory.mktemp("stack"), nodes=2) as running:
        yield running


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[Callable[..., LocalStack]]:
    """Makes a running stack of the test's own."""
    with ExitStack() as running:
        yield lambda **options: running.enter_context(LocalStack(tmp_path / "stack", **options))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 frames of 160x96 at 30 a second, with stereo AAC."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=60)


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 frames of 64x48."""
    return make_clip(tmp_path_factory.mktemp("clips") / "small.mp4", frames=4, size=(64, 48), sound=False)
