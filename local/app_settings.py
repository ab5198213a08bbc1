"""The application settings a deployment gives the Function App, here with the addresses of the local stack."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.azurite import AzuriteSettings
from local.batch_service import Warmth
from local.infrastructure import HOST_ACCOUNT

# Orchestrators and activities share the worker's thread pool: as many threads as host.json lets run of both.
_WORKER_THREADS = 32
# What a GPU task imports whatever it does, and what some do. The addition says that the environment a process shows in
# /proc is clean already: it is the node image's. Without it each task would start itself anew.
WARMTH = Warmth(
    preload=(
        *("gpu_task.program", "gpu_task.score_task", "gpu_task.scorers.identity"),
        *("azure.core.rest._requests_basic", "av.subtitles.stream"),  # imported by a first request, a first decoder
    ),
    on_use=("gpu_task.scorers.style_transfer", "gpu_task.fit_task"),
    environment=(("ATELIER_ENVIRONMENT_IS_CLEAN", "1"),),
)
# What a GPU needs here, and where extractors' weights lie; no secrets.
_PASSED_TO_NODES = (
    *("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
    *("ATELIER_FEATURES", "ATELIER_COMPILED"),
)
# Connections by the accounts they go to.
_CONNECTIONS = {"AzureWebJobsStorage": HOST_ACCOUNT, "DATA_STORAGE": "data", "SYSTEM_STORAGE": "system"}


@dataclass(frozen=True)
class PoolSize:
    id: str = "atelier"
    nodes: int = 2
    slots_per_node: int = 1


@dataclass(frozen=True)
class BatchAccount:
    url: str
    name: str
    key: str


def app_settings(azurite: AzuriteSettings, batch: BatchAccount, pool: PoolSize) -> dict[str, str]:
    """Names and values as in Azure; only the values know that this is a laptop."""
    by_key = {name: azurite.connection_string(account) for name, account in _CONNECTIONS.items()}
    keys = {"BATCH_ACCOUNT_NAME": batch.name, "BATCH_ACCOUNT_KEY": batch.key}
    return by_key | keys | _common(batch, pool)


def identity_settings(
    services: Mapping[str, str], batch: BatchAccount, pool: PoolSize, client_id: str
) -> dict[str, str]:
    """The same for an app that holds no key; `services` are URLs by service (blob, queue, table)."""
    by_identity: dict[str, str] = {"AZURE_CLIENT_ID": client_id}
    for name, account in _CONNECTIONS.items():
        used = ("blob", "queue", "table") if account == HOST_ACCOUNT else ("blob", "queue")
        by_identity |= {f"{name}__{service}ServiceUri": f"{services[service]}/{account}/" for service in used}
        by_identity |= {f"{name}__credential": "managedidentity", f"{name}__clientId": client_id}
    return by_identity | _common(batch, pool)


def _common(batch: BatchAccount, pool: PoolSize) -> dict[str, str]:
    return {
        "BATCH_ENDPOINT": batch.url,
        "BATCH_POOL_ID": pool.id,
        "POOL_NODES": str(pool.nodes),
        "POOL_SLOTS_PER_NODE": str(pool.slots_per_node),
        "TASKHUB_NAME": "atelier",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": str(_WORKER_THREADS),
    }


def node_environment(app: Path, python: Path, pool: PoolSize, state: Path | None = None) -> dict[str, str]:
    """What the node image holds in Azure: the Python environment `python` lies in, the code, its share of the cores.

    Compiled networks are kept in the stack's `state` folder, unless the user's ATELIER_COMPILED names another.
    """
    threads = str(max(1, (os.process_cpu_count() or 1) // (pool.nodes * pool.slots_per_node)))
    compiled = {} if state is None else {"ATELIER_COMPILED": str(state / "compiled")}
    return {
        # The system's folders are there for its C++ compiler too, which torch.compile calls.
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(app),
        # Where torchvision keeps pretrained weights: an image carries them, a laptop downloads them once for all tasks.
        "TORCH_HOME": os.environ.get("TORCH_HOME") or str(Path.home() / ".cache" / "torch"),
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads),
        # NumPy's own, which has no part in scoring: with more it would start threads when imported.
        "OPENBLAS_NUM_THREADS": "1",
        **compiled,
        **{name: os.environ[name] for name in _PASSED_TO_NODES if name in os.environ},
    }
