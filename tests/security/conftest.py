"""Local stacks as an attacker, or an auditor, meets them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.local_stack import make_clip
from tests.security.keyed_stack import KeyedStack


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 frames of 160x96, no sound."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=4, sound=False)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedStack]:
    """A stack that asks for keys, shared by the tests of a module."""
    with KeyedStack(tmp_path_factory.mktemp("stack"), slots=2) as running:
        yield running
