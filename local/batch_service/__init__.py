"""A local Azure Batch: serves the unmodified azure-batch client, runs tasks as processes on simulated nodes.

`BatchService` is the way in. Requests come in through `server` and the `handlers`, which talk only to the `Engine`;
the engine's parts each own one noun (pools, nodes, jobs, tasks, autoscale); `store` keeps what a restart needs.
"""

from local.batch_service.engine import PoolSettings, Simulation
from local.batch_service.errors import BatchError, StateError, StateInUseError
from local.batch_service.runner import NodeImage
from local.batch_service.service import BatchService
from local.batch_service.warm_python import Warmth

__all__ = [
    "BatchError",
    "BatchService",
    "NodeImage",
    "PoolSettings",
    "Simulation",
    "StateError",
    "StateInUseError",
    "Warmth",
]
