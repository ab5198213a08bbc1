"""What the service remembers: pools, nodes, jobs and tasks. All are changed on one event loop only."""

import asyncio
import heapq
import itertools
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from local.batch_service.specs import JobSpec, PoolSpec, TaskSpec
from local.batch_service.timestamps import new_etag
from local.processes import ProcessGroup

TaskState = Literal["active", "preparing", "running", "completed"]
Raw = dict[str, Any]
_COUNTED = ("active", "preparing", "running", "completed", "succeeded", "failed")


@dataclass(frozen=True)
class Failure:
    """Why a task failed: Batch's failureInfo."""

    code: str
    message: str
    category: str = "userError"


@dataclass(eq=False, slots=True)
class Node:
    pool: "Pool"
    id: str
    ordinal: int
    dedicated: bool
    free_slots: int
    state: str = "creating"
    changed: float = field(default_factory=time.time)
    scheduling: Literal["enabled", "disabled"] = "enabled"
    leaving: bool = False
    running: set["Task"] = field(default_factory=set)
    tasks_run: int = 0
    tasks_succeeded: int = 0

    def enter(self, state: str) -> None:
        self.state, self.changed = state, time.time()

    @property
    def schedulable(self) -> bool:
        ready = self.state == "idle" and self.scheduling == "enabled"
        return ready and not self.leaving and self.free_slots > 0


@dataclass(eq=False, slots=True)
class Pool:
    raw: Raw
    spec: PoolSpec
    dedicated: int  # targets
    low_priority: int
    ordinal: int
    created: float = field(default_factory=time.time)
    state: str = "active"
    allocation: str = "steady"
    allocation_changed: float = field(default_factory=time.time)
    etag: str = field(default_factory=new_etag)
    nodes: dict[str, Node] = field(default_factory=dict)
    node_ordinals: "itertools.count[int]" = field(default_factory=itertools.count)
    resizes: int = 0  # in flight
    autoscale_run: Raw | None = None

    @property
    def id(self) -> str:
        return self.spec.id

    def members(self, *, dedicated: bool) -> list[Node]:
        return [node for node in self.nodes.values() if node.dedicated == dedicated]

    def touch(self) -> None:
        self.etag = new_etag()


class ReadyQueue:
    """A job's tasks that only wait for a slot, oldest first, grouped by the slots they need."""

    def __init__(self) -> None:
        self._ordinals: dict[int, list[int]] = {}  # slots -> heap
        self._tasks: dict[int, Task] = {}

    def push(self, task: "Task") -> None:
        self._tasks[task.ordinal] = task
        heapq.heappush(self._ordinals.setdefault(task.slots, []), task.ordinal)

    def pop(self, free_slots: int) -> "Task | None":
        """The oldest task that fits, or None. Tasks no longer waiting are dropped on the way."""
        heads = [heap for slots, heap in self._ordinals.items() if slots <= free_slots and self._head(heap)]
        return self._tasks.pop(heapq.heappop(min(heads))) if heads else None

    def _head(self, heap: list[int]) -> bool:
        """Whether the heap, once its finished and deleted tasks are dropped, has a first task."""
        while heap:
            task = self._tasks.get(heap[0])
            if task is not None and task.waiting:
                return True
            self._tasks.pop(heapq.heappop(heap), None)
        return False


@dataclass(eq=False, slots=True)
class Job:
    raw: Raw
    spec: JobSpec
    ordinal: int
    created: float = field(default_factory=time.time)
    state: str = "active"
    changed: float = field(default_factory=time.time)
    etag: str = field(default_factory=new_etag)
    ended: float | None = None
    reason: str | None = None
    tasks: dict[str, "Task"] = field(default_factory=dict)  # by lower-cased id: ids ignore case
    waiters: dict[str, list["Task"]] = field(default_factory=dict)  # by the id they wait for
    ready: ReadyQueue = field(default_factory=ReadyQueue)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    slot_counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    expiry: asyncio.TimerHandle | None = None

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def pool_key(self) -> str:
        return self.spec.pool_info.pool_id.lower()

    @property
    def over(self) -> bool:
        return self.state in ("completed", "terminating", "deleting")

    def enter(self, state: str) -> None:
        self.state, self.changed, self.etag = state, time.time(), new_etag()

    def count(self, task: "Task", sign: int) -> None:
        """Adds (+1) or takes away (-1) a task in its present state."""
        names = [task.state]
        if task.state == "completed":
            names.append("failed" if task.failure else "succeeded")
        for name in names:
            self.counts[name] += sign
            self.slot_counts[name] += sign * task.slots


@dataclass(eq=False, slots=True)
class Task:
    job: Job
    raw: Raw
    spec: TaskSpec
    ordinal: int
    created: float = field(default_factory=time.time)
    state: TaskState = "active"
    changed: float = field(default_factory=time.time)
    previous: str | None = None
    previous_changed: float | None = None
    etag: str = field(default_factory=new_etag)
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    failure: Failure | None = None
    retries: int = 0
    last_retry: float | None = None
    requeues: int = 0
    last_requeue: float | None = None
    pool_id: str | None = None
    node_id: str | None = None
    group: ProcessGroup | None = None
    stop: Literal["requeue", "terminate"] | None = None  # what to do with it once its processes are gone

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def key(self) -> str:
        return self.spec.id.lower()

    @property
    def slots(self) -> int:
        return self.spec.required_slots

    @property
    def waiting(self) -> bool:
        return self.state == "active" and self.job.tasks.get(self.key) is self

    @property
    def succeeded(self) -> bool:
        return self.state == "completed" and self.failure is None

    @property
    def max_retries(self) -> int:
        own, inherited = self.spec.constraints.max_task_retry_count, self.job.spec.constraints.max_task_retry_count
        return next((count for count in (own, inherited) if count is not None), 0)

    @property
    def directory(self) -> str:
        """Its folder below a node's root."""
        return f"workitems/{self.job.id}/job-1/{self.id}"

    def enter(self, state: TaskState) -> None:
        """Changes state; the job's counts follow. Set `failure` before entering "completed", clear it after leaving."""
        self.job.count(self, -1)
        self.previous, self.previous_changed = self.state, self.changed
        self.state, self.changed, self.etag = state, time.time(), new_etag()
        self.job.count(self, +1)
