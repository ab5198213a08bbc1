"""The task hub the host runs: the engine, kept on disk and bounded in memory.

Whatever a caller was told was accepted (start, event, terminate, purge, ...) is on disk before the call returns.
Progress of orchestrators and activities is at most SAVE_EVERY_S behind: after a crash the rest runs again, which
Durable Functions promises anyway (at least once).
"""

import logging
import sqlite3
import threading
from collections.abc import Iterable
from datetime import UTC
from typing import Any, override

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import ActivityWorkItem, OrchestrationInstance

from local.functions_host.engine import ENDED
from local.functions_host.persistence import (
    Key,
    TaskHubStore,
    entity_from,
    entity_row,
    instance_from,
    instance_row,
)
from local.functions_host.retention import Retention, expired
from local.functions_host.work import WorkEngine

log = logging.getLogger(__name__)

SAVE_EVERY_S = 1.0
_ANSWERS = {
    "taskCompleted": "taskScheduledId",
    "taskFailed": "taskScheduledId",
    "subOrchestrationInstanceCompleted": "taskScheduledId",
    "subOrchestrationInstanceFailed": "taskScheduledId",
    "timerFired": "timerId",
}
_QUESTIONS = ("taskScheduled", "timerCreated", "subOrchestrationInstanceCreated")


class TaskHub(WorkEngine):
    """A durable engine over `store`."""

    def __init__(self, store: TaskHubStore, retention: Retention | None = None, port: int = 0) -> None:
        super().__init__(port)
        self._store = store
        self._retention = retention or Retention()
        self._dirty: set[Key] = set()
        self._saved: set[Key] = set()
        self._saving = threading.Lock()  # taken before the engine's lock, never after
        self._saver = threading.Thread(target=self._save_regularly, name="durable-saver", daemon=True)

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> str:
        """Take up where the stored state left off, then serve. Returns the address, host:port."""
        with self._lock:
            self._recover()
        address = super().start()
        self._saver.start()
        return address

    def stop(self, grace: float | None = None) -> None:
        """Stop serving and save."""
        super().stop(grace)
        if self._saver.ident is not None:
            self._saver.join()
        self.save()
        self._store.close()

    def touched(self, instance_id: str) -> None:
        self._dirty.add(("instance", instance_id))

    def entity_touched(self, entity_id: str) -> None:
        self._dirty.add(("entity", entity_id))

    def save(self) -> None:
        """Write every change so far. Raises sqlite3.Error; the changes then stay to be written."""
        with self._saving:
            with self._lock:
                present: set[Key] = {("instance", key) for key in self._instances}
                present |= {("entity", key) for key in self._entities}
                todo, gone = self._dirty & present, self._saved - present
                if not todo and not gone:
                    self._dirty.clear()
                    return
                rows = [self._row(key) for key in todo]
                self._dirty = set()
            try:
                self._store.write(rows, list(gone))
            except sqlite3.Error:
                with self._lock:
                    self._dirty |= todo
                raise
            self._saved = (self._saved | todo) - gone

    def _row(self, key: Key) -> Any:
        kind, name = key
        if kind == "entity":
            return entity_row(self._entities[name])
        return instance_row(self._instances[name], self._runs.get(name, 0), self._parents.get(name))

    def _save_regularly(self) -> None:
        while not self._shutdown_event.wait(SAVE_EVERY_S):
            try:
                self.purge_expired()
                self.save()
            except sqlite3.Error:
                log.exception("the task hub could not be saved; trying again in %.0f s", SAVE_EVERY_S)

    # -- retention ----------------------------------------------------------------------------

    def purge_expired(self) -> int:
        """Forget finished instances beyond the retention; returns how many."""
        with self._lock:
            ended = [one for one in self._instances.values() if one.status in ENDED]
            if self._retention.max_age is None and len(ended) <= self._retention.keep_finished:
                return 0
            running = {key for key, one in self._instances.items() if one.status not in ENDED}
            gone = expired(ended, self._parents, running, self._retention)
            for instance_id in gone:
                self._forget(instance_id)
        return len(gone)

    def _forget(self, instance_id: str) -> None:
        self._instances.pop(instance_id, None)
        self._runs.pop(instance_id, None)
        self._parents.pop(instance_id, None)
        self._state_waiters.pop(instance_id, None)

    # -- accepted means stored ----------------------------------------------------------------

    @override
    def StartInstance(self, request: Any, context: Any) -> Any:
        response = super().StartInstance(request, context)
        self.save()
        return response

    @override
    def RaiseEvent(self, request: Any, context: Any) -> Any:
        response = super().RaiseEvent(request, context)
        self.save()
        return response

    @override
    def SignalEntity(self, request: Any, context: Any) -> Any:
        response = super().SignalEntity(request, context)
        self.save()
        return response

    @override
    def TerminateInstance(self, request: Any, context: Any) -> Any:
        response = super().TerminateInstance(request, context)
        self.save()
        return response

    @override
    def SuspendInstance(self, request: Any, context: Any) -> Any:
        response = super().SuspendInstance(request, context)
        self.save()
        return response

    @override
    def ResumeInstance(self, request: Any, context: Any) -> Any:
        response = super().ResumeInstance(request, context)
        self.save()
        return response

    @override
    def RewindInstance(self, request: Any, context: Any) -> Any:
        response = super().RewindInstance(request, context)
        self.save()
        return response

    @override
    def RestartInstance(self, request: Any, context: Any) -> Any:
        response = super().RestartInstance(request, context)
        self.save()
        return response

    @override
    def PurgeInstances(self, request: Any, context: Any) -> Any:
        response = super().PurgeInstances(request, context)
        with self._lock:
            for instance_id in [key for key in self._runs if key not in self._instances]:
                self._forget(instance_id)
        self.save()
        return response

    # -- recovery -----------------------------------------------------------------------------

    def _recover(self) -> None:
        newest = 0
        for row in self._store.load():
            self._saved.add((row.kind, row.id))
            if row.kind == "entity":
                entity = self._entities[row.id] = entity_from(row)
                newest = max(newest, entity.completion_token)
                continue
            instance, run, parent = instance_from(row)
            self._instances[row.id], self._runs[row.id] = instance, run
            newest = max(newest, instance.completion_token)
            if parent is not None:
                self._parents[row.id] = parent
        self._next_completion_token = newest + 1
        for entity in self._entities.values():
            if entity.pending_operations:
                self._enqueue_entity(entity.instance_id)
        for instance in list(self._instances.values()):
            if instance.status not in ENDED:
                self._resume(instance)

    def _resume(self, instance: OrchestrationInstance) -> None:
        """Ask again for all the instance still waits for."""
        for event in unanswered([*instance.history, *instance.pending_events]):
            self._ask_again(instance, event)
        if instance.pending_events:
            self._enqueue_orchestration(instance.instance_id)

    def _ask_again(self, instance: OrchestrationInstance, event: pb.HistoryEvent) -> None:
        if event.HasField("timerCreated"):
            fire_at = event.timerCreated.fireAt.ToDatetime(tzinfo=UTC)
            self._arm_timer(instance.instance_id, event.eventId, fire_at)
        elif event.HasField("subOrchestrationInstanceCreated"):
            child = event.subOrchestrationInstanceCreated.instanceId
            self._watch_sub_orchestration(instance.instance_id, child, event.eventId)
        else:
            task = event.taskScheduled
            item = ActivityWorkItem(
                instance_id=instance.instance_id,
                name=task.name,
                task_id=event.eventId,
                input=task.input.value if task.HasField("input") else None,
                completion_token=instance.completion_token,
                version=task.version.value if task.HasField("version") else None,
            )
            self._activity_queue.append(item)
            self._work_available.set()

    def _process_rewind_orchestration_action(
        self, instance: OrchestrationInstance, rewind_action: pb.RewindOrchestrationAction
    ) -> None:
        """What had not answered when the instance failed was dropped then: ask again, children excepted (the stock
        step restarts and watches those)."""
        super()._process_rewind_orchestration_action(instance, rewind_action)
        for event in unanswered(instance.history):
            if not event.HasField("subOrchestrationInstanceCreated"):
                self._ask_again(instance, event)


def unanswered(events: Iterable[pb.HistoryEvent]) -> list[pb.HistoryEvent]:
    """The events that ask for an activity, a timer or a child, and have no answer among `events`."""
    asked: dict[int, pb.HistoryEvent] = {}
    for event in events:
        kind = event.WhichOneof("eventType")
        if kind in _QUESTIONS:
            asked[event.eventId] = event
        elif kind in _ANSWERS:
            asked.pop(getattr(getattr(event, kind), _ANSWERS[kind]), None)
    return list(asked.values())
