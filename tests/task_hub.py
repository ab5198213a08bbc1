"""Microsoft's own durable engine with orchestrations and activities of a test's choice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, override

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.client import TaskHubGrpcClient
from durabletask.testing import InMemoryOrchestrationBackend
from durabletask.worker import TaskHubGrpcWorker

from local.ports import choose_ports

OVER = (pb.ORCHESTRATION_STATUS_COMPLETED, pb.ORCHESTRATION_STATUS_FAILED, pb.ORCHESTRATION_STATUS_TERMINATED)


class Backend(InMemoryOrchestrationBackend):
    """As in Azure, an id that is over may be used again."""

    @override
    def StartInstance(self, request: pb.CreateInstanceRequest, context: Any) -> pb.CreateInstanceResponse:
        request.orchestrationIdReusePolicy.replaceableStatus.extend(OVER)
        return super().StartInstance(request, context)


@contextmanager
def task_hub(
    orchestrations: list[Callable[..., Any]], activities: dict[str, Callable[[Any], Any]] | None = None
) -> Iterator[TaskHubGrpcClient]:
    """A client of a running engine; `activities` are by name and take the payload."""
    port = choose_ports({"hub": 0}, {})["hub"]
    backend = Backend(port=port)
    backend.start()
    worker = TaskHubGrpcWorker(host_address=f"127.0.0.1:{port}")
    client = TaskHubGrpcClient(host_address=f"127.0.0.1:{port}")
    for orchestration in orchestrations:
        worker.add_orchestrator(orchestration)
    for name, function in (activities or {}).items():
        worker.add_activity(_activity(name, function))
    worker.start()
    try:
        yield client
    finally:
        worker.stop()
        client.close()
        backend.stop()


def _activity(name: str, function: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def activity(_: Any, payload: Any) -> Any:
        return function(payload)

    activity.__name__ = name
    return activity
