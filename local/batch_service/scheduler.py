"""Places waiting tasks on nodes: by job priority, then age of the job, then age of the task."""

import asyncio
from collections.abc import Callable

from local.batch_service.records import Job, Node, Pool, Task
from local.batch_service.state import State


class Scheduler:
    """`start` runs a task on a node; it takes the slots at once."""

    def __init__(self, state: State, start: Callable[[Task, Node], None]) -> None:
        self._state, self._start = state, start
        self._pending: asyncio.Handle | None = None
        self.stopped = False

    def push(self, task: Task) -> None:
        task.job.ready.push(task)
        self.kick()

    def kick(self) -> None:
        """Something changed: place what can be placed, once, at the next turn of the event loop."""
        if self._pending is None and not self.stopped:
            self._pending = asyncio.get_running_loop().call_soon(self._place_all)

    def _place_all(self) -> None:
        self._pending = None
        if self.stopped:
            return
        jobs = sorted(
            (job for job in self._state.jobs.values() if job.state == "active"),
            key=lambda job: (-job.spec.priority, job.ordinal),
        )
        for pool in self._state.pools.values():
            nodes = [node for node in pool.nodes.values() if node.schedulable]
            for job in jobs:
                if nodes and job.pool_key == pool.id.lower():
                    nodes = self._place(pool, job, nodes)

    def _place(self, pool: Pool, job: Job, nodes: list[Node]) -> list[Node]:
        """Starts what fits of one job; the nodes that still have slots."""
        limit = job.spec.max_parallel_tasks
        fullest = pool.spec.task_scheduling_policy.node_fill_type == "pack"
        while nodes and (limit < 0 or job.counts["running"] < limit):
            task = job.ready.pop(max(node.free_slots for node in nodes))
            if task is None:
                break
            fitting = [node for node in nodes if node.free_slots >= task.slots]
            choose = min if fullest else max
            self._start(task, choose(fitting, key=lambda node: node.free_slots))
            nodes = [node for node in nodes if node.free_slots > 0]
        return nodes
