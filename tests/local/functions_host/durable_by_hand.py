"""Drives the engine without an app: takes its work and answers it, one protobuf at a time."""

from datetime import datetime
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.internal import helpers
from google.protobuf import wrappers_pb2

from local.functions_host.dispatcher import InProcessContext
from local.functions_host.work import WorkEngine, WorkKind

CONTEXT = InProcessContext()
PATIENCE_S = 20.0


def start(engine: WorkEngine, instance_id: str, name: str = "flow", at: datetime | None = None) -> None:
    """Start an orchestration instance."""
    scheduled = helpers.new_timestamp(at) if at else None
    request = pb.CreateInstanceRequest(instanceId=instance_id, name=name, scheduledStartTimestamp=scheduled)
    engine.StartInstance(request, CONTEXT)


def take(engine: WorkEngine, kind: WorkKind = WorkKind.ORCHESTRATOR) -> pb.WorkItem:
    """The next work item; fails when none comes."""
    item = engine.take(kind, PATIENCE_S)
    assert item is not None, f"no {kind} work"
    return item


def nothing_to_do(engine: WorkEngine, kind: WorkKind = WorkKind.ORCHESTRATOR) -> bool:
    """Whether no work of the kind lies ready."""
    return engine.take(kind, 0.01) is None


def answer(engine: WorkEngine, item: pb.WorkItem, *actions: pb.OrchestratorAction) -> None:
    """What an orchestrator decided."""
    response = pb.OrchestratorResponse(
        instanceId=item.orchestratorRequest.instanceId, completionToken=item.completionToken, actions=actions
    )
    engine.CompleteOrchestratorTask(response, CONTEXT)


def decide(engine: WorkEngine, *actions: pb.OrchestratorAction) -> pb.WorkItem:
    """Take the next orchestration and decide."""
    item = take(engine)
    answer(engine, item, *actions)
    return item


def finish_activity(engine: WorkEngine, item: pb.WorkItem, result: str) -> None:
    """An activity returned `result` (JSON)."""
    request = item.activityRequest
    response = pb.ActivityResponse(
        instanceId=request.orchestrationInstance.instanceId,
        taskId=request.taskId,
        completionToken=item.completionToken,
        result=wrappers_pb2.StringValue(value=result),
    )
    engine.CompleteActivityTask(response, CONTEXT)


def activity(task_id: int, name: str = "work") -> pb.OrchestratorAction:
    return helpers.new_schedule_task_action(task_id, name, None, None)


def timer(task_id: int, at: datetime) -> pb.OrchestratorAction:
    return helpers.new_create_timer_action(task_id, at)


def child(task_id: int, instance_id: str, name: str = "child") -> pb.OrchestratorAction:
    action = pb.CreateSubOrchestrationAction(instanceId=instance_id, name=name)
    return pb.OrchestratorAction(id=task_id, createSubOrchestration=action)


def completed(result: str = "null") -> pb.OrchestratorAction:
    return helpers.new_complete_orchestration_action(-1, pb.ORCHESTRATION_STATUS_COMPLETED, result)


def failed(message: str) -> pb.OrchestratorAction:
    details = pb.TaskFailureDetails(errorType="ValueError", errorMessage=message)
    return helpers.new_complete_orchestration_action(-1, pb.ORCHESTRATION_STATUS_FAILED, None, details)


def terminated() -> pb.OrchestratorAction:
    return helpers.new_complete_orchestration_action(-1, pb.ORCHESTRATION_STATUS_TERMINATED, None)


def continued_as_new() -> pb.OrchestratorAction:
    return helpers.new_complete_orchestration_action(-1, pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW, "1")


def order_termination(engine: WorkEngine, instance_id: str, recursive: bool = False) -> None:
    engine.TerminateInstance(pb.TerminateRequest(instanceId=instance_id, recursive=recursive), CONTEXT)


def status(engine: WorkEngine, instance_id: str) -> int | None:
    """The instance's status, or None where it does not exist."""
    found = engine.GetInstance(pb.GetInstanceRequest(instanceId=instance_id), CONTEXT)  # type: ignore[arg-type]
    return found.orchestrationState.orchestrationStatus if found.exists else None


def news(item: pb.WorkItem, kind: str) -> list[Any]:
    """The new events of one kind in an orchestration work item."""
    return [getattr(e, kind) for e in item.orchestratorRequest.newEvents if e.WhichOneof("eventType") == kind]
