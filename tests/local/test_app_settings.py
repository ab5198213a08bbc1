import importlib.util
from pathlib import Path

import pytest

from local.app_settings import WARMTH, BatchAccount, PoolSize, app_settings, node_environment
from local.azurite import AzuriteSettings

AZURITE = AzuriteSettings(
    program=Path("azurite"),
    data=Path("data"),
    log=Path("log"),
    ports={"blob": 1, "queue": 2, "table": 3},
    keys={"devstoreaccount1": "a==", "data": "b==", "system": "c=="},
)


def test_the_app_is_told_where_everything_is() -> None:
    pool = PoolSize("atelier", nodes=3, slots_per_node=2)
    told = app_settings(AZURITE, BatchAccount("http://127.0.0.1:4", "local", "key"), pool)
    assert told["DATA_STORAGE"] == (
        "DefaultEndpointsProtocol=http;AccountName=data;AccountKey=b==;BlobEndpoint=http://127.0.0.1:1/data;"
        "QueueEndpoint=http://127.0.0.1:2/data;TableEndpoint=http://127.0.0.1:3/data;"
    )
    assert "AccountName=system;" in told["SYSTEM_STORAGE"]
    assert "AccountName=devstoreaccount1;" in told["AzureWebJobsStorage"]
    assert (told["BATCH_ENDPOINT"], told["BATCH_ACCOUNT_NAME"], told["BATCH_ACCOUNT_KEY"], told["BATCH_POOL_ID"]) == (
        "http://127.0.0.1:4",
        "local",
        "key",
        "atelier",
    )
    assert (told["POOL_NODES"], told["POOL_SLOTS_PER_NODE"]) == ("3", "2")


@pytest.mark.parametrize(("nodes", "slots", "threads"), [(1, 1, "8"), (2, 1, "4"), (2, 2, "2"), (9, 9, "1")])
def test_the_tasks_share_the_cores(monkeypatch: pytest.MonkeyPatch, nodes: int, slots: int, threads: str) -> None:
    monkeypatch.setattr("os.process_cpu_count", lambda: 8)
    environment = node_environment(Path("/app"), Path("/venv/bin/python"), PoolSize(nodes=nodes, slots_per_node=slots))
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == threads
    assert environment["PATH"].split(":")[0] == "/venv/bin"
    assert environment["PYTHONPATH"] == "/app"


def test_nodes_inherit_what_a_gpu_and_a_fit_need_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("ATELIER_FEATURES", "/features")
    monkeypatch.setenv("DATA_STORAGE", "secret")
    environment = node_environment(Path("/app"), Path("/venv/bin/python"), PoolSize())
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["ATELIER_FEATURES"] == "/features"
    assert "secret" not in environment.values()


def test_compiled_networks_are_kept_with_the_stack_unless_the_user_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = node_environment(Path("/app"), Path("/venv/bin/python"), PoolSize(), Path("/state"))
    assert environment["ATELIER_COMPILED"] == "/state/compiled"
    monkeypatch.setenv("ATELIER_COMPILED", "/mine")
    environment = node_environment(Path("/app"), Path("/venv/bin/python"), PoolSize(), Path("/state"))
    assert environment["ATELIER_COMPILED"] == "/mine"


@pytest.mark.parametrize("module", [*WARMTH.preload, *WARMTH.on_use])
def test_what_warm_nodes_preload_exists(module: str) -> None:
    assert importlib.util.find_spec(module) is not None
