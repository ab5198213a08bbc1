"""The application settings a deployment gives the Function App, here with the addresses of the local stack."""

import os
from dataclasses import dataclass
from pathlib import Path

from local.azurite import AzuriteSettings
from local.infrastructure import HOST_ACCOUNT

# Orchestrators and activities share the worker's thread pool: as many threads as host.json lets run of both.
_WORKER_THREADS = 32
# What a GPU needs here, and where extractors' weights lie; no secrets.
_PASSED_TO_NODES = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SSL_CERT_FILE", "ATELIER_FEATURES")


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
    return {
        "AzureWebJobsStorage": azurite.connection_string(HOST_ACCOUNT),
        "DATA_STORAGE": azurite.connection_string("data"),
        "SYSTEM_STORAGE": azurite.connection_string("system"),
        "BATCH_ENDPOINT": batch.url,
        "BATCH_ACCOUNT_NAME": batch.name,
        "BATCH_ACCOUNT_KEY": batch.key,
        "BATCH_POOL_ID": pool.id,
        "POOL_NODES": str(pool.nodes),
        "POOL_SLOTS_PER_NODE": str(pool.slots_per_node),
        "TASKHUB_NAME": "atelier",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": str(_WORKER_THREADS),
    }


def node_environment(app: Path, python: Path, pool: PoolSize) -> dict[str, str]:
    """What the node image holds in Azure: the Python environment `python` lies in, the code, its share of the cores."""
    threads = str(max(1, (os.process_cpu_count() or 1) // (pool.nodes * pool.slots_per_node)))
    thread_limits = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(app),
        # Where torchvision keeps pretrained weights: an image carries them, a laptop downloads them once for all tasks.
        "TORCH_HOME": os.environ.get("TORCH_HOME") or str(Path.home() / ".cache" / "torch"),
        **dict.fromkeys(thread_limits, threads),
        **{name: os.environ[name] for name in _PASSED_TO_NODES if name in os.environ},
    }
