"""A simulated node's life: booted, evicted, rebooted, preempted, removed."""

import asyncio
import shutil
from typing import Literal

from local.batch_service.clock import Clock
from local.batch_service.records import Node, Pool
from local.batch_service.runner import Runner
from local.batch_service.scheduler import Scheduler
from local.batch_service.task_lifecycle import TaskLifecycle


class NodeLifecycle:
    """`boot_seconds` of simulated time pass before a node takes tasks."""

    def __init__(
        self, runner: Runner, tasks: TaskLifecycle, scheduler: Scheduler, clock: Clock, boot_seconds: float
    ) -> None:
        self._runner, self._tasks, self._scheduler = runner, tasks, scheduler
        self._clock, self._boot_seconds = clock, boot_seconds

    def create(self, pool: Pool, *, dedicated: bool) -> Node:
        ordinal = next(pool.node_ordinals)
        name = f"tvmps_{pool.id}_{ordinal:04d}_{'d' if dedicated else 'p'}"
        node = Node(pool, name, ordinal, dedicated, free_slots=pool.spec.task_slots_per_node)
        pool.nodes[node.id] = node
        return node

    async def boot(self, node: Node) -> None:
        node.enter("starting")
        self._runner.folders(node.pool.id, node.id).create()
        await self._clock.sleep(self._boot_seconds)
        start = node.pool.spec.start_task
        if start is not None:
            node.enter("waitingforstarttask")
            succeeded = await self._runner.run_start_task(start, node)
            if start.wait_for_success and not succeeded:
                node.enter("starttaskfailed")
                return
        node.enter("idle")
        self._scheduler.kick()

    async def evict(self, node: Node, option: str) -> None:
        """Empties the node; `option` says what becomes of its tasks (Batch's node deallocation options)."""
        running = list(node.running)
        if option in ("requeue", "terminate"):
            for task in running:
                self._tasks.stop(task, requeue=option == "requeue")
        await self._runner.finished(running)

    async def restart(self, node: Node, state: Literal["rebooting", "reimaging"], option: str) -> None:
        node.enter(state)
        await self.evict(node, option)
        await self._come_back(node, self._boot_seconds)

    async def preempt(self, node: Node, outage_seconds: float) -> None:
        """Azure takes the machine away: tasks are killed and requeued; the node is back after the outage."""
        node.enter("preempted")
        await self.evict(node, "requeue")
        await self._come_back(node, outage_seconds)

    async def _come_back(self, node: Node, seconds: float) -> None:
        await self._clock.sleep(seconds)
        if not node.leaving:
            node.enter("idle")
            self._scheduler.kick()

    async def remove(self, node: Node, option: str) -> None:
        node.leaving = True
        node.enter("leavingpool")
        await self.evict(node, option)
        node.pool.nodes.pop(node.id, None)
        await asyncio.to_thread(shutil.rmtree, self._runner.folders(node.pool.id, node.id).root, ignore_errors=True)
