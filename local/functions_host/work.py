"""Handing out work in process: one queue per kind, so that a full activity pool never holds up an orchestrator."""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, override

import durabletask.internal.orchestrator_service_pb2 as pb
import grpc
from durabletask.internal import helpers
from google.protobuf import wrappers_pb2

from local.functions_host.engine import Engine


class WorkKind(StrEnum):
    """What there is to do."""

    ORCHESTRATOR = "orchestrator"
    ACTIVITY = "activity"
    ENTITY = "entity"


class WorkEngine(Engine):
    """An engine whose work is taken by the threads of its own process, whatever the function's name: an unknown one
    fails loudly instead of waiting for a worker that knows it."""

    @override
    def GetWorkItems(self, request: pb.GetWorkItemsRequest, context: Any) -> Iterator[pb.WorkItem]:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "work items are dispatched inside the host")
        yield from ()

    def take(self, kind: WorkKind, timeout: float) -> pb.WorkItem | None:
        """The next item of `kind`; waits up to `timeout` seconds; None when there is none or the engine stops."""
        takers = {
            WorkKind.ORCHESTRATOR: self._take_orchestration,
            WorkKind.ACTIVITY: self._take_activity,
            WorkKind.ENTITY: self._take_entity,
        }
        with self._lock:
            if self._shutdown_event.is_set():
                return None
            item = takers[kind]()
            if item is None:
                self._work_available.wait(timeout)
                item = None if self._shutdown_event.is_set() else takers[kind]()
            return item

    def wake(self) -> None:
        """Let every `take` that waits return now."""
        self._work_available.set()

    def _take_orchestration(self) -> pb.WorkItem | None:
        while self._orchestration_queue:
            instance_id = self._orchestration_queue.popleft()
            self._orchestration_queue_set.discard(instance_id)
            instance = self._instances.get(instance_id)
            if instance is None or not instance.pending_events or instance_id in self._orchestration_in_flight:
                continue
            instance.dispatched_events, instance.pending_events = instance.pending_events, []
            if instance.history and not instance.dispatched_events[0].HasField("orchestratorStarted"):
                # Replayed code reads the time from this event: without it ctx.current_utc_datetime stands still.
                instance.dispatched_events.insert(0, helpers.new_orchestrator_started_event(datetime.now(UTC)))
            self._orchestration_in_flight.add(instance_id)
            request = pb.OrchestratorRequest(
                instanceId=instance_id, pastEvents=instance.history, newEvents=instance.dispatched_events
            )
            return pb.WorkItem(completionToken=str(instance.completion_token), orchestratorRequest=request)
        return None

    def _take_activity(self) -> pb.WorkItem | None:
        if not self._activity_queue:
            return None
        task = self._activity_queue.popleft()
        request = pb.ActivityRequest(
            name=task.name,
            taskId=task.task_id,
            input=None if task.input is None else wrappers_pb2.StringValue(value=task.input),
            orchestrationInstance=pb.OrchestrationInstance(instanceId=task.instance_id),
        )
        return pb.WorkItem(completionToken=str(task.completion_token), activityRequest=request)

    def _take_entity(self) -> pb.WorkItem | None:
        while self._entity_queue:
            entity_id = self._entity_queue.popleft()
            self._entity_queue_set.discard(entity_id)
            entity = self._entities.get(entity_id)
            if entity is None or not entity.pending_operations or entity_id in self._entity_in_flight:
                continue
            self._entity_in_flight.add(entity_id)
            entity.dispatched_operations, entity.pending_operations = entity.pending_operations, []
            state = entity.serialized_state
            request = pb.EntityRequest(
                instanceId=entity_id,
                entityState=None if state is None else wrappers_pb2.StringValue(value=state),
                operationRequests=entity.dispatched_operations,
            )
            return pb.WorkItem(completionToken=str(entity.completion_token), entityRequestV2=request)
        return None

    @override
    def CompleteEntityTask(self, request: pb.EntityBatchResult, context: Any) -> pb.CompleteTaskResponse:
        with self._lock:
            for entity in self._entities.values():
                if str(entity.completion_token) == request.completionToken:
                    self.entity_touched(entity.instance_id)
            return super().CompleteEntityTask(request, context)

    def _enqueue_entity(self, entity_id: str) -> None:
        self.entity_touched(entity_id)
        super()._enqueue_entity(entity_id)
