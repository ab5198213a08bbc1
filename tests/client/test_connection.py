import json
from pathlib import Path

import pytest

from client.connection import resolve
from client.errors import InvalidInput


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    (tmp_path / ".local").mkdir()
    text = json.dumps({"functions": "http://127.0.0.1:7999", "data_storage": "local storage"})
    (tmp_path / ".local/endpoints.json").write_text(text)
    return tmp_path


def test_flags_win_over_the_environment_and_that_over_the_local_stack(stack: Path) -> None:
    environment = {"ATELIER_ENDPOINT": "https://env", "ATELIER_STORAGE": "env storage", "ATELIER_KEY": "env key"}
    by_flag = resolve("https://flag/", "flag storage", "flag key", environment, stack)
    assert (by_flag.endpoint, by_flag.storage, by_flag.key) == ("https://flag", "flag storage", "flag key")
    by_environment = resolve(None, None, None, environment, stack)
    assert (by_environment.endpoint, by_environment.storage) == ("https://env", "env storage")
    local = resolve(None, None, None, {}, stack)
    assert (local.endpoint, local.storage, local.is_local) == ("http://127.0.0.1:7999", "local storage", True)


def test_the_local_storage_is_never_paired_with_an_app_elsewhere(stack: Path) -> None:
    assert resolve("https://elsewhere", None, None, {}, stack).storage is None


def test_without_anything_it_is_the_usual_local_port(tmp_path: Path) -> None:
    assert resolve(None, None, None, {}, tmp_path).endpoint == "http://127.0.0.1:7071"


def test_an_endpoint_that_is_no_url_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'myapp' is no URL"):
        resolve("myapp", None, None, {}, Path())


def test_secrets_stay_out_of_the_representation(stack: Path) -> None:
    assert "secret" not in repr(resolve("https://x", "secret", "secret", {}, stack))
