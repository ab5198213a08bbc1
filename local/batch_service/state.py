"""All records in memory, looked up by id and written through to the store."""

import itertools

from local.batch_service.errors import NotFound
from local.batch_service.records import Job, Node, Pool, Raw, Task
from local.batch_service.specs import JobSpec, PoolSpec, TaskSpec
from local.batch_service.store import Record, Store


class State:
    """Memory is the truth while the service runs; the store holds what the next start needs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.pools: dict[str, Pool] = {pool.id.lower(): pool for pool in store.load_pools()}
        self.jobs: dict[str, Job] = {job.id.lower(): job for job in store.load_jobs()}
        last = max((record.ordinal for record in (*self.pools.values(), *self.jobs.values())), default=0)
        for job in self.jobs.values():
            for task in store.load_tasks(job):
                job.tasks[task.key] = task
                job.count(task, +1)
                last = max(last, task.ordinal)
        self._ordinals = itertools.count(last + 1)

    def save(self, record: Record) -> None:
        """Marks a record as changed. One that was removed meanwhile stays removed."""
        if self._registered(record):
            self._store.save(record)

    def _registered(self, record: Record) -> bool:
        match record:
            case Task():
                return record.job.tasks.get(record.key) is record and self._registered(record.job)
            case Job():
                return self.jobs.get(record.id.lower()) is record
            case Pool():
                return self.pools.get(record.id.lower()) is record

    def commit(self) -> None:
        self._store.commit()

    def close(self) -> None:
        self._store.close()

    def pool(self, pool_id: str) -> Pool:
        return _found(self.pools.get(pool_id.lower()), "PoolNotFound", f"pool {pool_id!r}")

    def node(self, pool_id: str, node_id: str) -> Node:
        return _found(self.pool(pool_id).nodes.get(node_id), "NodeNotFound", f"node {node_id!r}")

    def job(self, job_id: str) -> Job:
        return _found(self.jobs.get(job_id.lower()), "JobNotFound", f"job {job_id!r}")

    def task(self, job_id: str, task_id: str) -> Task:
        job = self.job(job_id)
        return _found(job.tasks.get(task_id.lower()), "TaskNotFound", f"task {task_id!r} of job {job.id!r}")

    def add_pool(self, raw: Raw, spec: PoolSpec) -> Pool:
        pool = Pool(raw, spec, spec.target_dedicated_nodes, spec.target_low_priority_nodes, next(self._ordinals))
        self.pools[pool.id.lower()] = pool
        self.save(pool)
        return pool

    def remove_pool(self, pool: Pool) -> None:
        self.pools.pop(pool.id.lower(), None)
        self._store.delete(pool)

    def add_job(self, raw: Raw, spec: JobSpec) -> Job:
        job = Job(raw, spec, next(self._ordinals))
        self.jobs[job.id.lower()] = job
        self.save(job)
        return job

    def remove_job(self, job: Job) -> None:
        self.jobs.pop(job.id.lower(), None)
        self._store.delete(job)

    def add_task(self, job: Job, raw: Raw, spec: TaskSpec) -> Task:
        task = Task(job, raw, spec, next(self._ordinals))
        job.tasks[task.key] = task
        job.count(task, +1)
        self.save(task)
        return task

    def remove_task(self, task: Task) -> None:
        if task.job.tasks.pop(task.key, None) is not None:
            task.job.count(task, -1)
        self._store.delete(task)


def _found[Found](record: Found | None, code: str, what: str) -> Found:
    if record is None:
        raise NotFound(code, f"The specified {what} does not exist.")
    return record
