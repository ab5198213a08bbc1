"""State on disk: one SQLite file with a row per pool, job and task.

Records are marked as changed and written together in one transaction at the next turn of the event loop, and at the
latest before the answer to a changing request leaves. SQLite in WAL mode without a sync per commit survives the death
of the process (not of the machine's power), which is what the local stack promises.
"""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.batch_service.errors import StateInUseError, StateVersionError
from local.batch_service.records import Failure, Job, Pool, Task
from local.batch_service.specs import JobSpec, PoolSpec, TaskSpec
from local.processes import ProcessGroup

_VERSION = 1  # of the tables and of what their rows hold
_SCHEMA = """
CREATE TABLE IF NOT EXISTS pools (id TEXT PRIMARY KEY, raw TEXT, progress TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, raw TEXT, progress TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (job TEXT, id TEXT, raw TEXT, progress TEXT, PRIMARY KEY (job, id)) WITHOUT ROWID;
"""
_POOL = ("ordinal", "created", "state", "dedicated", "low_priority", "etag")
_JOB = ("ordinal", "created", "state", "changed", "etag", "ended", "reason")
_TASK = [
    "ordinal",
    "created",
    "state",
    "changed",
    "previous",
    "previous_changed",
    "etag",
    "started",
    "ended",
    "exit_code",
    "retries",
    "last_retry",
    "requeues",
    "last_requeue",
    "pool_id",
    "node_id",
]
Record = Pool | Job | Task


class Store:
    """Raises StateInUseError when another process holds the file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            self._database.executescript("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;")
            self._database.executescript(f"PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            self._check_version(path)
        except sqlite3.OperationalError as error:
            self._database.close()
            if "locked" not in str(error):
                raise
            raise StateInUseError(f"another Batch service uses {path.parent}") from error
        path.chmod(0o600)  # tasks' environment settings carry SAS URLs
        self._changed: dict[Record, bool] = {}  # record -> still exists
        self._scheduled = False

    def _check_version(self, path: Path) -> None:
        (found,) = self._database.execute("PRAGMA user_version").fetchone()
        if found not in (0, _VERSION):  # 0: just made
            self._database.close()
            message = f"{path} has version {found}, this service writes {_VERSION}: delete {path.parent}"
            raise StateVersionError(message)
        self._database.execute(f"PRAGMA user_version = {_VERSION}")

    def save(self, record: Record) -> None:
        self._mark(record, exists=True)

    def delete(self, record: Record) -> None:
        """A job's rows of tasks go with it."""
        self._mark(record, exists=False)

    def _mark(self, record: Record, *, exists: bool) -> None:
        self._changed[record] = exists
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.commit)

    def commit(self) -> None:
        """Writes what changed since the last commit."""
        self._scheduled = False
        if not self._changed:
            return
        changed, self._changed = self._changed, {}
        try:
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                for record, exists in changed.items():
                    self._write(record) if exists else self._erase(record)
        except sqlite3.Error:
            self._changed = changed | self._changed  # for the next attempt: the disk may have room again
            raise

    def close(self) -> None:
        self.commit()
        self._database.close()

    def _write(self, record: Record) -> None:
        match record:
            case Task():
                row = (record.job.id.lower(), record.key, json.dumps(record.raw), json.dumps(_task_progress(record)))
                self._database.execute("INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?)", row)
            case Job():
                self._write_plain("jobs", record, _JOB)
            case Pool():
                self._write_plain("pools", record, _POOL)

    def _write_plain(self, table: str, record: Pool | Job, names: tuple[str, ...]) -> None:
        progress = json.dumps({name: getattr(record, name) for name in names})
        row = (record.id.lower(), json.dumps(record.raw), progress)
        self._database.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", row)

    def _erase(self, record: Record) -> None:
        match record:
            case Task():
                key = (record.job.id.lower(), record.key)
                self._database.execute("DELETE FROM tasks WHERE job = ? AND id = ?", key)
            case Job():
                self._database.execute("DELETE FROM tasks WHERE job = ?", (record.id.lower(),))
                self._database.execute("DELETE FROM jobs WHERE id = ?", (record.id.lower(),))
            case Pool():
                self._database.execute("DELETE FROM pools WHERE id = ?", (record.id.lower(),))

    def load_pools(self) -> Iterator[Pool]:
        for raw, progress in self._rows("SELECT raw, progress FROM pools"):
            yield Pool(raw, PoolSpec.model_validate(raw), **progress)

    def load_jobs(self) -> Iterator[Job]:
        for raw, progress in self._rows("SELECT raw, progress FROM jobs"):
            yield Job(raw, JobSpec.model_validate(raw), **progress)

    def load_tasks(self, job: Job) -> Iterator[Task]:
        for raw, progress in self._rows("SELECT raw, progress FROM tasks WHERE job = ?", job.id.lower()):
            failure, group = progress.pop("failure"), progress.pop("group")
            yield Task(
                job,
                raw,
                TaskSpec.model_validate(raw),
                failure=Failure(*failure) if failure else None,
                group=ProcessGroup(*group) if group else None,
                **progress,
            )

    def _rows(self, query: str, *parameters: str) -> list[tuple[Any, Any]]:
        rows = self._database.execute(query, parameters).fetchall()
        loaded = [(json.loads(raw), json.loads(progress)) for raw, progress in rows]
        return sorted(loaded, key=lambda row: row[1]["ordinal"])


def _task_progress(task: Task) -> dict[str, Any]:
    progress: dict[str, Any] = {name: getattr(task, name) for name in _TASK}
    failure, group = task.failure, task.group
    progress["failure"] = (failure.code, failure.message, failure.category) if failure else None
    progress["group"] = (group.pgid, group.started) if group else None
    return progress
