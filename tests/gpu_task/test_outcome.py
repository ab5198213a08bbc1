from pathlib import Path

import pytest

from gpu_task import outcome
from tests.gpu_task.conftest import Storage


def test_whoever_uploads_second_reports_what_the_first_wrote(storage: Storage, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"one")
    second.write_bytes(b"another")
    url = storage.url("raced", "rc")

    written = outcome.upload(url, first, "video/mp4", (3, 7), "c00000-a1")

    assert outcome.upload(url, second, "video/mp4", (3, 7), "c00000-a1") == written
    assert outcome.existing(url, (3, 7)) == written
    assert (written.frames, written.size) == ((3, 7), 3)
    assert storage.read("raced") == b"one"


def test_an_output_with_other_frames_is_an_error(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    url = storage.url("other", "rc")
    outcome.upload(url, path, "video/mp4", (3, 7), "c00000-a1")

    with pytest.raises(outcome.OutputMismatchError, match=r"expected \{'first': '3', 'last': '8'\}"):
        outcome.existing(url, (3, 8))


def test_nothing_there_is_none(storage: Storage) -> None:
    assert outcome.existing(storage.url("nothing", "rc"), (0, 1)) is None
