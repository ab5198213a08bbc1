"""A Batch service on a thread of its own, and what tests do with it through the unmodified azure-batch client."""

import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.polling import LROPoller
from azure.core.rest import HttpRequest, HttpResponse

from local.batch_service import BatchService
from tests.local.loop_thread import LoopThread

PATIENCE_SECONDS = 30.0
_numbers = itertools.count(1)


def fresh(prefix: str) -> str:
    """An id nothing else uses."""
    return f"{prefix}{next(_numbers)}"


def until[Value](look: Callable[[], Value]) -> Value:
    """What `look` sees once it is true of it; fails after a while."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (seen := look()):
        assert time.monotonic() < end, f"nothing came of {look}"
        time.sleep(0.01)
    return seen


class LocalBatch:
    """A running service and a client of it."""

    def __init__(self, state: Path, **settings: Any) -> None:
        self.state, self._settings = state, settings
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            loop = starting.enter_context(LoopThread())
            self.run = loop.run
            self.service = BatchService(self.state, **self._settings)
            loop.run(self.service.start())
            starting.callback(lambda: loop.run(self.service.close()))
            credential = AzureNamedKeyCredential(self.service.account_name, self.service.account_key)
            self.client = starting.enter_context(BatchClient(self.service.url, credential))
            self._running = starting.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._running.close()

    def create_pool(self, nodes: int = 0, **options: Any) -> str:
        """A pool whose nodes are ready; its id."""
        name = fresh("pool")
        if "auto_scale_formula" not in options:
            options["target_dedicated_nodes"] = nodes
        self.client.create_pool(models.BatchPoolCreateOptions(id=name, vm_size="local", **options))
        until(lambda: self.client.get_pool(name).allocation_state == "steady")
        return name

    def create_job(self, pool: str = "main", **options: Any) -> str:
        name = fresh("job")
        pool_info = models.BatchPoolInfo(pool_id=pool)
        self.client.create_job(models.BatchJobCreateOptions(id=name, pool_info=pool_info, **options))
        return name

    def create_task(self, job: str, command: str, **options: Any) -> str:
        name = options.pop("id", None) or fresh("task")
        self.client.create_task(job, models.BatchTaskCreateOptions(id=name, command_line=command, **options))
        return name

    def completed(self, job: str, task: str) -> models.BatchTask:
        """The task, once it is completed."""
        return self.reached(job, task, "completed")

    def reached(self, job: str, task: str, state: str) -> models.BatchTask:
        seen = until(lambda: found if (found := self.client.get_task(job, task)).state == state else None)
        assert seen is not None
        return seen

    def perform(self, command: str, job: str | None = None, **options: Any) -> models.BatchTask:
        """Runs one task to its end."""
        job = job or self.create_job()
        return self.completed(job, self.create_task(job, command, **options))

    def send(self, method: str, path: str, headers: dict[str, str] | None = None) -> HttpResponse:
        """A signed request that the client has no method for."""
        request = HttpRequest(method, path, params={"api-version": "2025-06-01"}, headers=headers)
        return self.client.send_request(request)

    def finish(self, begin: Callable[..., LROPoller[None]], *arguments: Any) -> None:
        """A long-running operation to its end; its poller would otherwise go on in a thread after the test."""
        poller = begin(*arguments, polling_interval=0.02)
        poller.result(PATIENCE_SECONDS)
        assert poller.status() == "Succeeded"

    def preempt(self, node: str, seconds: float = 0.0) -> None:
        answer = self.client.send_request(HttpRequest("POST", f"/_local/nodes/{node}/preempt?seconds={seconds}"))
        assert answer.status_code == 202

    def read(self, task: models.BatchTask, file: str = "stdout.txt") -> bytes:
        assert task.url is not None
        job = task.url.split("/jobs/")[1].split("/")[0]
        assert task.id is not None
        return b"".join(self.client.download_task_file(job, task.id, file))


def settings(**values: str) -> list[models.EnvironmentSetting]:
    return [models.EnvironmentSetting(name=name, value=value) for name, value in values.items()]


def retries(count: int) -> models.BatchTaskConstraints:
    return models.BatchTaskConstraints(max_task_retry_count=count)
