"""The Batch account as a whole: what the handlers talk to."""

from dataclasses import dataclass, field
from pathlib import Path

from local.batch_service.autoscale import Autoscaler
from local.batch_service.background import Background
from local.batch_service.clock import Clock
from local.batch_service.environment import Account
from local.batch_service.job_lifecycle import JobLifecycle
from local.batch_service.node_lifecycle import NodeLifecycle
from local.batch_service.pool_lifecycle import PoolLifecycle
from local.batch_service.records import Node, Raw, Task
from local.batch_service.runner import NodeImage, Runner
from local.batch_service.scheduler import Scheduler
from local.batch_service.state import State
from local.batch_service.store import Store
from local.batch_service.task_lifecycle import Ended, TaskLifecycle
from local.processes import kill_orphans


@dataclass(frozen=True)
class Simulation:
    """How the simulated part of Azure behaves: `time_scale` 60 makes a minute of autoscale time pass in a second."""

    boot_seconds: float = 0.0
    time_scale: float = 1.0


@dataclass(frozen=True)
class PoolSettings:
    """A pool of fixed size that exists before the first request, as if deployed."""

    id: str
    dedicated_nodes: int
    slots_per_node: int = 1
    vm_size: str = "local"

    def as_body(self) -> Raw:
        return {
            "id": self.id,
            "vmSize": self.vm_size,
            "targetDedicatedNodes": self.dedicated_nodes,
            "taskSlotsPerNode": self.slots_per_node,
        }


@dataclass(frozen=True)
class EngineSettings:
    state: Path  # folder: the database and the nodes' files
    account: str
    pools: tuple[PoolSettings, ...] = ()
    image: NodeImage = field(default_factory=NodeImage)
    simulation: Simulation = field(default_factory=Simulation)


class Engine:
    """Must be made and used on one event loop. Raises StateInUseError when the state folder is taken."""

    def __init__(self, settings: EngineSettings) -> None:
        root = settings.state.resolve() / "nodes"
        self.account_name, self.url, self._deployed = settings.account, "", settings.pools
        self.background = Background()
        self.state = State(Store(settings.state / "batch.sqlite"))
        self.runner = Runner(root, settings.image, self.state, self.background)
        self.scheduler = Scheduler(self.state, self.runner.start)
        self.jobs = JobLifecycle(root, self.state, self.scheduler, self.runner, self.background)
        self.tasks = TaskLifecycle(self.state, self.scheduler, self._task_completed)
        self.jobs.tasks = self.runner.lifecycle = self.tasks
        clock = Clock(settings.simulation.time_scale)
        self.autoscaler = Autoscaler(self.state, clock, self.background)
        boot_seconds = settings.simulation.boot_seconds
        self.nodes = NodeLifecycle(self.runner, self.tasks, self.scheduler, clock, boot_seconds)
        self.pools = PoolLifecycle(self.state, self.nodes, self.scheduler, self.autoscaler, self.background)

    def start(self, url: str) -> None:
        """Goes on where the last process stopped: orphans are killed, their tasks requeued, pools booted."""
        self.url = url
        self.runner.account = Account(self.account_name, url)
        self.runner.warm_up()
        for job in list(self.state.jobs.values()):
            for task in job.tasks.values():
                self._recover(task)
            self.jobs.resume(job)
        for settings in self._deployed:
            self.pools.deploy(settings.as_body())
        for pool in list(self.state.pools.values()):
            self.pools.begin(pool)

    def _task_completed(self, task: Task) -> None:
        self.runner.keep_files(task)
        self.jobs.task_completed(task)

    def _recover(self, task: Task) -> None:
        if task.state == "active":
            self.tasks.make_ready(task)
        if task.state == "completed":
            self.runner.keep_files(task)
        if task.state != "running":
            return
        if task.group is not None and task.pool_id and task.node_id:
            folder = self.runner.folders(task.pool_id, task.node_id).task(task)
            kill_orphans(task.group, f"AZ_BATCH_TASK_DIR={folder}")
        task.stop, task.group = "requeue", None
        self.tasks.settle(task, Ended(None, None))

    async def close(self) -> None:
        """Kills what runs, requeues it for the next start, and writes everything down."""
        self.scheduler.stopped = True
        running = self.runner.running()
        for task in running:
            self.tasks.stop(task, requeue=True)
        await self.runner.finished(running)
        await self.background.close()
        await self.runner.close()
        self.state.close()

    def delete_task(self, task: Task) -> None:
        self.tasks.delete(task)
        self.background.spawn(self.runner.discard_files(task))

    def preempt(self, node: Node, outage_seconds: float) -> None:
        self.background.spawn(self.nodes.preempt(node, outage_seconds))

    def find_node(self, node_id: str) -> Node | None:
        pools = self.state.pools.values()
        return next((pool.nodes[node_id] for pool in pools if node_id in pool.nodes), None)

    def task_folder(self, task: Task) -> Path | None:
        """None while the task has not been on a node."""
        if task.pool_id is None or task.node_id is None:
            return None
        return self.runner.folders(task.pool_id, task.node_id).task(task)

    def node_folder(self, node: Node) -> Path:
        return self.runner.folders(node.pool.id, node.id).root
