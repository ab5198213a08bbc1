"""What the local stack puts into a node's environment: nothing secret, and nothing that a task would drop again."""

from pathlib import Path

import pytest

from gpu_task.environment import allowed
from local.app_settings import BatchAccount, PoolSize, app_settings, node_environment
from local.azurite import AzuriteSettings


def environment() -> dict[str, str]:
    return node_environment(Path("/app"), Path("/venv/bin/python"), PoolSize(), Path("/state"))


def test_a_node_is_given_none_of_the_apps_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = dict.fromkeys(("devstoreaccount1", "data", "system"), "c3RvcmFnZS1rZXk=")
    azurite = AzuriteSettings(Path("azurite"), Path("d"), Path("l"), {"blob": 1, "queue": 2, "table": 3}, keys)
    settings = app_settings(azurite, BatchAccount("http://127.0.0.1:4", "local", "batch-key"), PoolSize())
    for name, value in settings.items():
        monkeypatch.setenv(name, value)  # as the stack does for the app, in the process that starts the nodes
    given = environment()
    assert not given.keys() & settings.keys()
    assert not [value for value in given.values() if "c3RvcmFnZS1rZXk=" in value or "batch-key" in value]


@pytest.mark.parametrize("name", ["AZURE_CLIENT_SECRET", "IDENTITY_HEADER", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY"])
def test_a_node_is_given_no_secret_of_whoever_starts_the_stack(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hunter2")
    assert "hunter2" not in environment().values()


def test_a_task_keeps_all_that_a_node_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/x")
    assert allowed(environment()) == environment()
