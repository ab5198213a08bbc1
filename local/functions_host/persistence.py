"""The task hub on disk: one SQLite row per orchestration instance or entity.

A save is one transaction over everything that changed, hence one consistent cut. WAL with synchronous=NORMAL survives
the death of the process (not a power cut, where the last second may be lost).
"""

import base64
import json
import sqlite3
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import EntityState, OrchestrationInstance

from local.functions_host.errors import HostFileError

SCHEMA = 1
Kind = Literal["instance", "entity"]
Key = tuple[Kind, str]


@dataclass(frozen=True)
class Row:
    """One instance or entity as it is stored. `inbox` holds the events not yet worked into `history`."""

    kind: Kind
    id: str
    meta: str
    history: bytes
    inbox: bytes


class TaskHubStore:
    """The SQLite file. Used by one host at a time, from any thread."""

    def __init__(self, path: Path) -> None:
        """Raises HostFileError when the file is in use by another host, or is not a task hub of this format."""
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, timeout=1.0)
        try:
            version = self._open()
        except sqlite3.DatabaseError as error:
            self._db.close()
            remedy = "move it away to start afresh"
            if isinstance(error, sqlite3.OperationalError):
                remedy = "is another host using this state folder?"
            raise HostFileError(f"{path}: cannot be opened as a task hub ({error}); {remedy}") from error
        if version not in (0, SCHEMA):
            self._db.close()
            raise HostFileError(f"{path}: written in format {version}, this host reads {SCHEMA}; move it away")

    def _open(self) -> int:
        """Take the file for this host alone; returns the format it was written in, 0 for a new one."""
        self._db.execute("pragma locking_mode=exclusive")
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        version = self._db.execute("pragma user_version").fetchone()[0]
        if version == 0:
            with self._db:
                self._db.execute(
                    "create table rows(kind text, id text, meta text, history blob, inbox blob, "
                    "primary key(kind, id)) without rowid"
                )
                self._db.execute(f"pragma user_version={SCHEMA}")
        return version

    def load(self) -> list[Row]:
        """Every row."""
        with self._lock:
            return [Row(*row) for row in self._db.execute("select kind, id, meta, history, inbox from rows")]

    def write(self, changed: list[Row], deleted: list[Key]) -> None:
        """Put `changed`, remove `deleted`, all or nothing."""
        values = [(row.kind, row.id, row.meta, row.history, row.inbox) for row in changed]
        with self._lock, self._db:
            self._db.executemany("insert or replace into rows values(?,?,?,?,?)", values)
            self._db.executemany("delete from rows where kind=? and id=?", deleted)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def _pack(events: list[pb.HistoryEvent]) -> bytes:
    return pb.HistoryChunk(events=events).SerializeToString()


def _unpack(data: bytes) -> list[pb.HistoryEvent]:
    return list(pb.HistoryChunk.FromString(data).events)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def instance_row(instance: OrchestrationInstance, run: int, parent: str | None) -> Row:
    """Encode an instance; what was in flight goes back to the head of its inbox."""
    failure = instance.failure_details
    meta = {
        "name": instance.name,
        "status": int(instance.status),
        "version": instance.version,
        "input": instance.input,
        "output": instance.output,
        "custom_status": instance.custom_status,
        "created_at": _iso(instance.created_at),
        "last_updated_at": _iso(instance.last_updated_at),
        "completed_at": _iso(instance.completed_at),
        "failure": base64.b64encode(failure.SerializeToString()).decode() if failure is not None else None,
        "token": instance.completion_token,
        "tags": instance.tags,
        "run": run,
        "parent": parent,
    }
    inbox = instance.dispatched_events + instance.pending_events
    return Row("instance", instance.instance_id, json.dumps(meta), _pack(instance.history), _pack(inbox))


def instance_from(row: Row) -> tuple[OrchestrationInstance, int, str | None]:
    """Decode an instance, the token its run began with, and its parent's id."""
    meta: dict[str, Any] = json.loads(row.meta)
    history, inbox = _unpack(row.history), _unpack(row.inbox)
    if history and any(not event.HasField("orchestratorStarted") for event in inbox):
        # The start of an interrupted dispatch carries its old time; the next dispatch gets its own.
        inbox = [event for event in inbox if not event.HasField("orchestratorStarted")]
    failure = meta["failure"]
    instance = OrchestrationInstance(
        instance_id=row.id,
        name=meta["name"],
        status=meta["status"],
        version=meta["version"],
        input=meta["input"],
        output=meta["output"],
        custom_status=meta["custom_status"],
        created_at=datetime.fromisoformat(meta["created_at"]),
        last_updated_at=datetime.fromisoformat(meta["last_updated_at"]),
        completed_at=_time(meta["completed_at"]),
        failure_details=pb.TaskFailureDetails.FromString(base64.b64decode(failure)) if failure is not None else None,
        history=history,
        pending_events=inbox,
        completion_token=meta["token"],
        tags=meta["tags"],
    )
    return instance, meta["run"], meta["parent"]


def entity_row(entity: EntityState) -> Row:
    """Encode an entity."""
    meta = {
        "state": entity.serialized_state,
        "last_modified_at": _iso(entity.last_modified_at),
        "locked_by": entity.locked_by,
        "token": entity.completion_token,
    }
    inbox = entity.dispatched_operations + entity.pending_operations
    return Row("entity", entity.instance_id, json.dumps(meta), b"", _pack(inbox))


def entity_from(row: Row) -> EntityState:
    """Decode an entity."""
    meta: dict[str, Any] = json.loads(row.meta)
    return EntityState(
        instance_id=row.id,
        serialized_state=meta["state"],
        last_modified_at=datetime.fromisoformat(meta["last_modified_at"]),
        locked_by=meta["locked_by"],
        pending_operations=_unpack(row.inbox),
        completion_token=meta["token"],
    )
