import os
from pathlib import Path

import pytest

from local.errors import StateFolderError
from local.state_folder import StateFolder


def test_one_stack_at_a_time_and_the_other_is_named(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with pytest.raises(StateFolderError, match=rf"process {os.getpid()}\) runs on {tmp_path}"):
        StateFolder(tmp_path)
    folder.close()
    StateFolder(tmp_path).close()


def test_what_is_written_is_read_again_and_the_owners_alone(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    assert folder.read("ports.json") == {}
    folder.write("ports.json", {"blob": 1})
    assert folder.read("ports.json") == {"blob": 1}
    assert (tmp_path / "ports.json").stat().st_mode & 0o777 == 0o600
    folder.close()


def test_damage_is_told_with_the_file(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    (tmp_path / "ports.json").write_text("{")
    with pytest.raises(StateFolderError, match=r"ports\.json is damaged .* delete it"):
        folder.read("ports.json")
    folder.close()


def test_keys_are_made_once(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    keys = folder.account_keys(("data", "system"))
    assert keys["data"] != keys["system"]
    more = folder.account_keys(("data", "system", "third"))
    assert {name: more[name] for name in keys} == keys
    folder.close()


def test_endpoints_are_there_only_while_the_stack_is(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.write(folder.endpoints.name, {"functions": "http://127.0.0.1:1"})
    assert folder.endpoints.exists()
    folder.close()
    assert not folder.endpoints.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateFolderError, match=r"--state .*file"):
        StateFolder(tmp_path / "file")


def test_a_folder_that_was_there_becomes_its_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    StateFolder(tmp_path).close()
    assert tmp_path.stat().st_mode & 0o777 == 0o700
