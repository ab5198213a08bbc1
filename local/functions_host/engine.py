"""The Durable Task engine: Microsoft's in-memory backend with what only a unit test can bear put right.

What is put right: waits end after 30 s; timers, activity results and child results reach a later run of the same
instance id; 10,000 history events; 10 gRPC threads; 4 MB messages; `start_at` ignored; a thread per timer and per
child; history stamped 1970; a failure without a message read as success; ids never reusable; no recursive
termination; terminated instances dispatched again. Work is handed out in process (`take`), state survives a restart
(`persistence`), finished instances are purged (`retention`).
"""

import logging
import threading
from concurrent import futures
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, override

import durabletask.internal.orchestrator_service_pb2 as pb
import durabletask.internal.orchestrator_service_pb2_grpc as stubs
import grpc
from durabletask.internal import helpers
from durabletask.testing.in_memory_backend import InMemoryOrchestrationBackend, OrchestrationInstance

from local.functions_host.alarm_clock import AlarmClock
from local.functions_host.event_times import stamp_arrivals, stamp_dispatch

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 64 << 20  # the gRPC default of 4 MiB refuses a 5 MB payload
GRPC_THREADS = 256  # each waiting client holds one; threads are made on demand
ENDED = (
    pb.ORCHESTRATION_STATUS_COMPLETED,
    pb.ORCHESTRATION_STATUS_FAILED,
    pb.ORCHESTRATION_STATUS_TERMINATED,
)


class WorkSignal:
    """Wakes every thread that waits for work. Stands where the stock backend keeps one Event."""

    def __init__(self, lock: threading.RLock) -> None:
        self._changed = threading.Condition(lock)

    def set(self) -> None:
        """Work may be there, or the engine stops."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for `set`; the caller holds the engine's lock."""
        return self._changed.wait(timeout)

    def clear(self) -> None:
        """Nothing to clear: a condition has no memory, so no wake-up can be lost to another waiter."""


@dataclass(frozen=True)
class ChildWatch:
    """Who waits for a sub-orchestration: which run of which instance, under which task id."""

    parent_id: str
    parent_run: int
    task_id: int


class Engine(InMemoryOrchestrationBackend):
    """A task hub on 127.0.0.1. `start` serves its gRPC interface to the clients in the app."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(max_history_size=2**62, port=port)
        self._work_available: Any = WorkSignal(self._lock)
        self._clock = AlarmClock()
        # The completion token an instance had when its present run began. Tokens only grow, so whatever carries an
        # older one (an activity result, a timer, a child) belongs to an earlier run of the same id.
        self._runs: dict[str, int] = {}
        self._child_watches: dict[str, list[ChildWatch]] = {}
        self._parents: dict[str, str] = {}

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> str:
        """Serve; returns the address, host:port."""
        self._shutdown_event.clear()
        self._server = grpc.server(
            futures.ThreadPoolExecutor(GRPC_THREADS, thread_name_prefix="durable-grpc"),
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),
            ],
        )
        stubs.add_TaskHubSidecarServiceServicer_to_server(self, self._server)
        self._port = self._server.add_insecure_port(f"127.0.0.1:{self._port}")
        self._server.start()
        self._clock.start()
        return f"127.0.0.1:{self._port}"

    def stop(self, grace: float | None = None) -> None:
        """Stop serving, wake every waiter, end the timer thread."""
        with self._lock:
            waiting = [waiter for waiters in self._state_waiters.values() for waiter in waiters]
            self._state_waiters.clear()
        for waiter in waiting:
            waiter.event.set()
        super().stop(grace)
        self._clock.stop()

    def touched(self, instance_id: str) -> None:
        """Hook: the instance changed."""

    def entity_touched(self, entity_id: str) -> None:
        """Hook: the entity changed."""

    # -- starting, raising, ending ------------------------------------------------------------

    @override
    def StartInstance(self, request: pb.CreateInstanceRequest, context: Any) -> pb.CreateInstanceResponse:
        if not request.orchestrationIdReusePolicy.replaceableStatus:  # Azure's default: ids that are not running
            request.orchestrationIdReusePolicy.replaceableStatus.extend(ENDED)
        return super().StartInstance(request, context)

    @override
    def RaiseEvent(self, request: pb.RaiseEventRequest, context: Any) -> pb.RaiseEventResponse:
        with self._lock:
            response = super().RaiseEvent(request, context)
            self._drop_if_ended(request.instanceId)
            self.touched(request.instanceId)
        return response

    def _terminate_instance_internal(self, instance_id: str, output: str | None, recursive: bool = False) -> None:
        instance = self._instances.get(instance_id)
        if instance is None or instance.status in ENDED:
            return
        event = helpers.new_terminated_event(encoded_output=output)
        event.executionTerminated.recurse = recursive
        instance.pending_events.append(event)
        self._enqueue_orchestration(instance_id)

    def _terminate_children(self, instance: OrchestrationInstance) -> None:
        """Once a recursively terminated instance has ended it can start no more children: end those it has."""
        order = next((e.executionTerminated for e in instance.history if e.HasField("executionTerminated")), None)
        if order is None or not order.recurse:
            return
        for event in instance.history:
            if event.HasField("subOrchestrationInstanceCreated"):
                child = event.subOrchestrationInstanceCreated.instanceId
                if self._parents.get(child) == instance.instance_id:
                    self._terminate_instance_internal(child, order.input.value or None, recursive=True)

    # -- runs ---------------------------------------------------------------------------------

    def _begin_run(self, instance: OrchestrationInstance) -> None:
        self._runs[instance.instance_id] = instance.completion_token

    def _current(self, instance_id: str, run: int) -> OrchestrationInstance | None:
        """The instance, if that run of it still goes on."""
        instance = self._instances.get(instance_id)
        if instance is None or instance.status in ENDED or self._runs.get(instance_id) != run:
            return None
        return instance

    def _drop_if_ended(self, instance_id: str) -> bool:
        instance = self._instances.get(instance_id)
        if instance is None or instance.status not in ENDED:
            return False
        instance.pending_events.clear()
        return True

    def _deliver(self, instance: OrchestrationInstance, event: pb.HistoryEvent) -> None:
        instance.pending_events.append(event)
        instance.last_updated_at = datetime.now(UTC)
        self._enqueue_orchestration(instance.instance_id)

    # -- timers and delayed starts ------------------------------------------------------------

    def _process_create_timer_action(self, instance: OrchestrationInstance, action: pb.OrchestratorAction) -> None:
        fire_at = action.createTimer.fireAt.ToDatetime(tzinfo=UTC)
        instance.history.append(helpers.new_timer_created_event(action.id, fire_at))
        self._arm_timer(instance.instance_id, action.id, fire_at)

    def _arm_timer(self, instance_id: str, timer_id: int, fire_at: datetime) -> None:
        run = self._runs[instance_id]

        def fire() -> None:
            with self._lock:
                if instance := self._current(instance_id, run):
                    self._deliver(instance, helpers.new_timer_fired_event(timer_id, fire_at))

        self._clock.at(fire_at.timestamp(), fire)

    def _starts_later(self, instance: OrchestrationInstance) -> bool:
        """Whether its start is scheduled for later; if so the clock enqueues it then."""
        first = instance.pending_events[0] if instance.pending_events else None
        if first is None or not first.HasField("orchestratorStarted"):
            return False
        start_at = first.timestamp.ToDatetime(tzinfo=UTC)
        if start_at <= datetime.now(UTC) or any(e.HasField("executionTerminated") for e in instance.pending_events):
            return False
        run = self._runs[instance.instance_id]

        def begin() -> None:
            with self._lock:
                if self._current(instance.instance_id, run):
                    self._enqueue_orchestration(instance.instance_id)

        self._clock.at(start_at.timestamp(), begin)
        return True

    # -- sub-orchestrations -------------------------------------------------------------------

    def _watch_sub_orchestration(self, parent_instance_id: str, sub_instance_id: str, task_id: int) -> None:
        watch = ChildWatch(parent_instance_id, self._runs[parent_instance_id], task_id)
        self._parents[sub_instance_id] = parent_instance_id
        child = self._instances.get(sub_instance_id)
        if child is not None and child.status in ENDED:
            self._report_child(watch, child)
        else:
            self._child_watches.setdefault(sub_instance_id, []).append(watch)
        self.touched(sub_instance_id)

    def _report_child(self, watch: ChildWatch, child: OrchestrationInstance) -> None:
        parent = self._current(watch.parent_id, watch.parent_run)
        if parent is None:
            return
        if child.status == pb.ORCHESTRATION_STATUS_COMPLETED:
            event = helpers.new_sub_orchestration_completed_event(watch.task_id, child.output)
        else:
            outcome = "was terminated" if child.status == pb.ORCHESTRATION_STATUS_TERMINATED else "failed"
            reason = Exception(f"Sub-orchestration {child.instance_id!r} {outcome}")
            event = helpers.new_sub_orchestration_failed_event(watch.task_id, reason)
            if child.failure_details is not None:
                event.subOrchestrationInstanceFailed.failureDetails.CopyFrom(child.failure_details)
        self._deliver(parent, event)

    def _notify_waiters(self, instance_id: str) -> None:
        super()._notify_waiters(instance_id)
        instance = self._instances.get(instance_id)
        if instance is not None and instance.status in ENDED:
            for watch in self._child_watches.pop(instance_id, ()):
                self._report_child(watch, instance)

    def _wait_for_state(self, instance_id: str, predicate: Any, timeout: float | None) -> OrchestrationInstance | None:
        with self._lock:
            if instance_id not in self._instances:
                return None
        return super()._wait_for_state(instance_id, predicate, threading.TIMEOUT_MAX if timeout is None else timeout)

    # -- completions --------------------------------------------------------------------------

    def _enqueue_orchestration(self, instance_id: str) -> None:
        instance = self._instances.get(instance_id)
        if instance is None or self._drop_if_ended(instance_id):
            return
        in_flight = instance_id in self._orchestration_in_flight
        stamp_arrivals(instance.pending_events)
        self.touched(instance_id)
        if instance.status == pb.ORCHESTRATION_STATUS_PENDING and not instance.history and not in_flight:
            self._begin_run(instance)
            if self._starts_later(instance):
                return
        if not in_flight:  # its completion enqueues it again
            super()._enqueue_orchestration(instance_id)

    @override
    def CompleteOrchestratorTask(self, request: pb.OrchestratorResponse, context: Any) -> pb.CompleteTaskResponse:
        with self._lock:
            response = super().CompleteOrchestratorTask(request, context)
            instance = self._instances.get(request.instanceId)
            if instance is not None:
                self._after_dispatch(instance)
        return response

    def _after_dispatch(self, instance: OrchestrationInstance) -> None:
        stamp_dispatch(instance.history)
        if instance.status == pb.ORCHESTRATION_STATUS_PENDING and not instance.history:  # continued as new
            self._begin_run(instance)
        if instance.status in ENDED:
            instance.completed_at = instance.completed_at or datetime.now(UTC)
            self._terminate_children(instance)
        elif instance.pending_events and instance.status != pb.ORCHESTRATION_STATUS_SUSPENDED:
            self._enqueue_orchestration(instance.instance_id)
        self.touched(instance.instance_id)

    @override
    def CompleteActivityTask(self, request: pb.ActivityResponse, context: Any) -> pb.CompleteTaskResponse:
        if request.HasField("failureDetails") and not request.failureDetails.errorMessage:
            request.failureDetails.errorMessage = request.failureDetails.errorType or "the activity failed"
        with self._lock:
            if int(request.completionToken or 0) < self._runs.get(request.instanceId, 0):
                log.info("instance %s: dropped the result of an activity of an earlier run", request.instanceId)
                return pb.CompleteTaskResponse()
            return super().CompleteActivityTask(request, context)
