"""Local stacks as an attacker, or an auditor, meets them."""

from pathlib import Path

import pytest

from tests.end_to_end.local_stack import make_clip


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 frames of 160x96, no sound."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=12, sound=False)
