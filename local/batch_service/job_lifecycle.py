"""A job's life: created, changed, disabled, enabled, terminated, deleted."""

import asyncio
import shutil
import time
from pathlib import Path

from local.batch_service.background import Background
from local.batch_service.dependencies import exit_options
from local.batch_service.errors import Conflict
from local.batch_service.records import Job, Raw, Task
from local.batch_service.runner import Runner
from local.batch_service.scheduler import Scheduler
from local.batch_service.specs import JobSpec, parse
from local.batch_service.state import State
from local.batch_service.task_lifecycle import TaskLifecycle

_MUTABLE = [
    "priority",
    "maxParallelTasks",
    "allowTaskPreemption",
    "constraints",
    "poolInfo",
    "metadata",
    "onAllTasksComplete",
    "networkConfiguration",
]


class JobLifecycle:
    def __init__(self, root: Path, state: State, scheduler: Scheduler, runner: Runner, background: Background) -> None:
        self._root, self._state, self._scheduler = root, state, scheduler
        self._runner, self._background = runner, background
        self.tasks: TaskLifecycle

    def create(self, raw: Raw) -> Job:
        spec = parse(JobSpec, raw)
        if spec.id.lower() in self._state.jobs:
            raise Conflict("JobExists", "The specified job already exists.")
        job = self._state.add_job(raw, spec)
        self.watch(job)
        return job

    def update(self, job: Job, changes: Raw, *, replace: bool) -> None:
        """PATCH changes the given properties; PUT also resets those not given."""
        self._refuse_if_over(job)
        kept = {name: value for name, value in job.raw.items() if not (replace and name in _MUTABLE)}
        raw = kept | {name: value for name, value in changes.items() if name in _MUTABLE}
        job.spec, job.raw = parse(JobSpec, raw), raw
        job.enter(job.state)
        self._state.save(job)
        self.watch(job)
        self._scheduler.kick()

    def watch(self, job: Job) -> None:
        """Ends the job when it is complete already, and when its wall clock runs out."""
        if job.expiry is not None:
            job.expiry.cancel()
        limit = job.spec.constraints.max_wall_clock_time
        if limit is not None and not job.over:
            left = job.created + limit - time.time()
            expire = (self._expire, job)
            job.expiry = asyncio.get_running_loop().call_later(max(0.0, left), *expire)
        self._end_if_complete(job)

    def _expire(self, job: Job) -> None:
        if not job.over:
            self._begin_end(job, "terminating", "MaxWallClockTimeExpiry")

    def task_completed(self, task: Task) -> None:
        job = task.job
        if task.failure and job.spec.on_task_failure == "performexitoptionsjobaction" and not job.over:
            options = exit_options(task)
            action = options.job_action if options and options.job_action else "terminate"
            if action == "terminate":
                self._begin_end(job, "terminating", "TaskFailed")
            elif action == "disable":
                self._enter(job, "disabled")
        self._end_if_complete(job)

    def _end_if_complete(self, job: Job) -> None:
        if job.spec.on_all_tasks_complete != "terminatejob" or job.state != "active":
            return
        if job.counts["completed"] == len(job.tasks):
            self._begin_end(job, "terminating", "AllTasksComplete")

    def terminate(self, job: Job, reason: str) -> None:
        self._refuse_if_over(job)
        self._begin_end(job, "terminating", reason)

    def delete(self, job: Job) -> None:
        self._begin_end(job, "deleting", job.reason)

    def disable(self, job: Job, what: str) -> None:
        """`what` happens to running tasks: requeue, terminate or wait."""
        self._refuse_if_over(job)
        self._enter(job, "disabling")
        running = [task for task in job.tasks.values() if task.state == "running"]
        if what != "wait":
            for task in running:
                self.tasks.stop(task, requeue=what == "requeue")
        self._background.spawn(self._finish_disabling(job, running))

    def enable(self, job: Job) -> None:
        self._refuse_if_over(job)
        self._enter(job, "active")
        self._scheduler.kick()
        self._end_if_complete(job)

    def resume(self, job: Job) -> None:
        """Goes on, at a start, where the last process stopped."""
        if job.state == "disabling":
            self._enter(job, "disabled")
        elif job.state in ("terminating", "deleting"):
            self._begin_end(job, job.state, job.reason)
        self.watch(job)

    def _refuse_if_over(self, job: Job) -> None:
        if job.over:
            code = "JobCompleted" if job.state == "completed" else f"JobBeing{job.state.replace('ing', 'ed').title()}"
            raise Conflict(code, f"Job {job.id!r} is {job.state} already.")

    def _enter(self, job: Job, state: str) -> None:
        job.enter(state)
        self._state.save(job)

    def _begin_end(self, job: Job, state: str, reason: str | None) -> None:
        if job.expiry is not None:
            job.expiry.cancel()
        job.reason = job.reason or reason
        self._enter(job, state)
        self._background.spawn(self._finish_end(job))

    async def _finish_end(self, job: Job) -> None:
        running = [task for task in job.tasks.values() if task.state == "running"]
        for task in running:  # waiting ones stay active for ever, as in Batch
            self.tasks.stop(task, requeue=False)
        await self._runner.finished(running)
        if job.state == "terminating":
            job.ended = time.time()
            self._enter(job, "completed")
        elif job.state == "deleting":
            self._state.remove_job(job)
            for folder in self._root.glob(f"*/*/workitems/{job.id}"):
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _finish_disabling(self, job: Job, running: list[Task]) -> None:
        await self._runner.finished(running)
        if job.state == "disabling":
            self._enter(job, "disabled")
