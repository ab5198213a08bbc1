"""A task's life apart from its process: added, ready, stopped, settled, retried, requeued, reactivated, deleted."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from local.batch_service.dependencies import depends_on, is_satisfied, may_run
from local.batch_service.errors import BadRequest, Conflict
from local.batch_service.records import Failure, Job, Raw, Task
from local.batch_service.scheduler import Scheduler
from local.batch_service.specs import Constraints, TaskSpec, parse
from local.batch_service.state import State
from local.processes import kill_group

ENDED_BY_USER = Failure("TaskEnded", "Task Was Ended by User Request")


@dataclass(frozen=True)
class Ended:
    """How a run on a node ended. Launch failures and exceeded time limits are not retried."""

    exit_code: int | None
    failure: Failure | None
    retryable: bool = False


class TaskLifecycle:
    """`on_completed` hears of every task that reached its final state."""

    def __init__(self, state: State, scheduler: Scheduler, on_completed: Callable[[Task], None]) -> None:
        self._state, self._scheduler, self._on_completed = state, scheduler, on_completed

    def add(self, job: Job, raw: Raw) -> Task:
        """Raises BadRequest or Conflict as Batch does."""
        if job.over:
            raise Conflict("JobCompleted", f"Job {job.id!r} is {job.state} and takes no tasks.")
        spec = parse(TaskSpec, raw)
        if spec.id.lower() in job.tasks:
            raise Conflict("TaskExists", "The specified task already exists.")
        if spec.depends_on and not job.spec.uses_task_dependencies:
            message = "A task has dependsOn, but usesTaskDependencies of its job is not true."
            raise BadRequest("TaskDependenciesNotSpecifiedOnJob", message)
        task = self._state.add_task(job, raw, spec)
        self.make_ready(task)
        return task

    def make_ready(self, task: Task) -> None:
        """Queues an active task, now or once the tasks it depends on are satisfied."""
        if may_run(task):
            self._scheduler.push(task)
            return
        for name in depends_on(task):
            task.job.waiters.setdefault(name, []).append(task)

    def update(self, task: Task, raw: Raw) -> None:
        constraints = raw.get("constraints") or {}
        parse(Constraints, constraints)
        task.raw["constraints"] = constraints
        task.spec = parse(TaskSpec, task.raw)
        self._state.save(task)

    def terminate(self, task: Task) -> None:
        if task.state == "completed":
            raise Conflict("TaskCompleted", "The specified task is already in a completed state.")
        self.stop(task, requeue=False)

    def stop(self, task: Task, *, requeue: bool) -> None:
        """Ends a task that is not completed: a waiting one at once, a running one when its processes are gone."""
        if task.state == "active":
            if not requeue:
                self._complete(task, Ended(None, ENDED_BY_USER))
            return
        if task.stop != "terminate":
            task.stop = "requeue" if requeue else "terminate"
        if task.group is not None:
            kill_group(task.group.pgid)

    def settle(self, task: Task, ended: Ended) -> None:
        """Decides what follows a run: requeue, end, retry or completion."""
        self._scheduler.kick()  # the run's slots are free
        if task.job.tasks.get(task.key) is not task:
            return  # deleted meanwhile
        stop, task.stop = task.stop, None
        if stop == "requeue" and not task.job.over:
            self.requeue(task)
        elif stop is not None:
            self._complete(task, Ended(ended.exit_code, ENDED_BY_USER))
        elif ended.failure and ended.retryable and (task.max_retries == -1 or task.retries < task.max_retries):
            self._retry(task, ended)
        else:
            self._complete(task, ended)

    def requeue(self, task: Task) -> None:
        """Back to the queue through no fault of its own: its retries are not touched."""
        task.requeues += 1
        task.last_requeue = time.time()
        task.started = task.pool_id = task.node_id = task.group = None
        task.enter("active")
        self._state.save(task)
        self._scheduler.push(task)

    def _retry(self, task: Task, ended: Ended) -> None:
        task.retries += 1
        task.last_retry = time.time()
        task.exit_code = ended.exit_code
        task.enter("active")
        self._state.save(task)
        self._scheduler.push(task)

    def _complete(self, task: Task, ended: Ended) -> None:
        task.exit_code, task.failure, task.ended = ended.exit_code, ended.failure, time.time()
        task.enter("completed")
        self._state.save(task)
        if is_satisfied(task):
            for waiter in task.job.waiters.pop(task.key, []):
                if waiter.waiting and may_run(waiter):
                    self._scheduler.push(waiter)
        self._on_completed(task)

    def reactivate(self, task: Task) -> None:
        if task.job.over:
            raise Conflict("JobCompleted", f"Job {task.job.id!r} is {task.job.state}; its tasks stay as they are.")
        if task.state != "completed":
            raise Conflict("TaskNotCompleted", f"The task is {task.state}; only a completed task can be reactivated.")
        if task.succeeded:
            raise Conflict("TaskSucceeded", "The task succeeded; only a failed task can be reactivated.")
        task.enter("active")
        task.started = task.ended = task.exit_code = task.failure = None
        task.retries = 0
        self._state.save(task)
        self._scheduler.push(task)

    def delete(self, task: Task) -> None:
        if task.state != "completed":
            self.stop(task, requeue=False)
        self._state.remove_task(task)
