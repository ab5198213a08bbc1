"""Runs what the durable engine hands out: the part the Durable extension plays in Azure."""

import asyncio
import base64
import binascii
import json
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
from azure_functions_runtime.bindings.datumdef import Datum
from durabletask.entities import EntityInstanceId
from durabletask.internal import helpers
from google.protobuf import wrappers_pb2
from google.protobuf.message import DecodeError

from local.functions_host.app import App, Function, Result
from local.functions_host.engine import MAX_MESSAGE_BYTES
from local.functions_host.errors import InvocationError
from local.functions_host.work import WorkEngine, WorkKind

log = logging.getLogger(__name__)

TAKE_TIMEOUT_S = 1.0  # how long a pump waits before it looks whether it should end


def client_config(hub: str, rpc_url: str, http_url: str, key: str) -> str:
    """The JSON a durableClient binding receives, as the extension sends it to Python."""
    return json.dumps(
        {
            "taskHubName": hub,
            "connectionName": None,
            "creationUrls": None,
            "managementUrls": None,
            "baseUrl": None,
            "requiredQueryStringParameters": f"taskHub={hub}&connection=Storage&code={key}",
            "rpcBaseUrl": rpc_url,
            "httpBaseUrl": f"{http_url}/runtime/webhooks/durabletask",
            "maxGrpcMessageSizeInBytes": MAX_MESSAGE_BYTES,
        }
    )


class InProcessContext:
    """Stands for the gRPC context where the engine is called directly."""

    def abort(self, code: Any, details: str) -> None:
        """An in-process call has nobody to send a status to."""
        raise RuntimeError(f"{code}: {details}")


class Dispatcher:
    """One thread per kind of work takes items from the engine, at most as many at once as host.json allows."""

    def __init__(self, app: App, engine: WorkEngine, config: str) -> None:
        self._app = app
        self._engine = engine
        self._config = config
        self._orchestrators = _named(app, "orchestrationTrigger", "orchestration")
        self._activities = _named(app, "activityTrigger", "activity")
        self._entities = {name.lower(): one for name, one in _named(app, "entityTrigger", "entityName").items()}
        limits = app.host.durable
        self._slots = {
            WorkKind.ORCHESTRATOR: threading.Semaphore(limits.max_orchestrators),
            WorkKind.ACTIVITY: threading.Semaphore(limits.max_activities),
            WorkKind.ENTITY: threading.Semaphore(limits.max_entities),
        }
        self._handlers: dict[WorkKind, Callable[[pb.WorkItem], Awaitable[None]]] = {
            WorkKind.ORCHESTRATOR: self._run_orchestrator,
            WorkKind.ACTIVITY: self._run_activity,
            WorkKind.ENTITY: self._run_entity,
        }
        self._stopping = threading.Event()
        self._pumps = [self._pump_thread(kind) for kind in WorkKind]
        self._reporters = ThreadPoolExecutor(4, thread_name_prefix="durable-report")
        self._running: set[Future[None]] = set()

    def client_inputs(self, function: Function) -> dict[str, Datum]:
        """The durableClient inputs `function` asks for."""
        wanted = (one["name"] for one in function.bindings if one["type"] == "durableClient")
        return {name: Datum(self._config, "string") for name in wanted}

    def start(self) -> None:
        """Start taking work; functions run on the calling event loop."""
        self._loop = asyncio.get_running_loop()
        for pump in self._pumps:
            pump.start()

    async def close(self, grace_s: float) -> None:
        """Take no more work and let what runs finish for `grace_s` seconds; the engine hands the rest out again."""
        self._stopping.set()
        self._engine.wake()
        for pump in self._pumps:
            if pump.ident is not None:
                await asyncio.to_thread(pump.join)
        left = [asyncio.wrap_future(future) for future in list(self._running)]
        if left:
            _, late = await asyncio.wait(left, timeout=grace_s)
            for future in late:
                future.cancel()
            if late:
                log.warning("%d durable functions did not finish within %.0f s and will run again", len(late), grace_s)
                await asyncio.gather(*late, return_exceptions=True)
        self._reporters.shutdown(wait=False)

    # -- pumping ------------------------------------------------------------------------------

    def _pump_thread(self, kind: WorkKind) -> threading.Thread:
        return threading.Thread(target=self._pump, args=(kind,), name=f"durable-{kind}", daemon=True)

    def _pump(self, kind: WorkKind) -> None:
        slots = self._slots[kind]
        while not self._stopping.is_set():
            if not slots.acquire(timeout=TAKE_TIMEOUT_S):
                continue
            item = None if self._stopping.is_set() else self._engine.take(kind, TAKE_TIMEOUT_S)
            if item is None:
                slots.release()
                continue
            future: Future[None] = asyncio.run_coroutine_threadsafe(self._handlers[kind](item), self._loop)  # type: ignore[arg-type]
            self._running.add(future)
            future.add_done_callback(lambda done, slots=slots: self._done(done, slots))

    def _done(self, future: Future[None], slots: threading.Semaphore) -> None:
        self._running.discard(future)
        slots.release()
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("a durable work item was lost", exc_info=error)

    async def _report(self, method: Callable[[Any, Any], Any], message: Any) -> None:
        """Hand a result to the engine without holding up the event loop while the engine is busy."""
        await asyncio.get_running_loop().run_in_executor(self._reporters, method, message, InProcessContext())

    # -- the three kinds ----------------------------------------------------------------------

    async def _call(self, function: Function | None, kind: str, name: str, value: str) -> Result:
        if function is None:
            raise InvocationError(
                name, f"The function '{name}' doesn't exist, is disabled, or is not an {kind} function."
            )
        inputs = {function.trigger["name"]: Datum(value, "string"), **self.client_inputs(function)}
        return await self._app.invoke(function, inputs)

    async def _run_orchestrator(self, item: pb.WorkItem) -> None:
        request = item.orchestratorRequest
        name = _orchestration_name(request)
        try:
            encoded = base64.b64encode(request.SerializeToString()).decode()
            result = await self._call(self._orchestrators.get(name), "orchestrator", name, encoded)
            response = _parse(pb.OrchestratorResponse, name, result)
        except InvocationError as error:
            _log_failure("orchestrator", error)
            failed = pb.ORCHESTRATION_STATUS_FAILED
            action = helpers.new_complete_orchestration_action(-1, failed, "", failure_details(error))
            response = pb.OrchestratorResponse(actions=[action])
        response.instanceId = request.instanceId
        response.completionToken = item.completionToken  # the SDK leaves it empty
        await self._report(self._engine.CompleteOrchestratorTask, response)

    async def _run_activity(self, item: pb.WorkItem) -> None:
        request = item.activityRequest
        response = pb.ActivityResponse(
            instanceId=request.orchestrationInstance.instanceId,
            taskId=request.taskId,
            completionToken=item.completionToken,
        )
        try:
            value = request.input.value if request.HasField("input") else "null"
            result = await self._call(self._activities.get(request.name), "activity", request.name, value)
            if result.returned is not None and result.returned.value is not None:
                response.result.value = result.returned.value
        except InvocationError as error:
            _log_failure("activity", error)
            response.failureDetails.CopyFrom(failure_details(error))
        await self._report(self._engine.CompleteActivityTask, response)

    async def _run_entity(self, item: pb.WorkItem) -> None:
        # The trigger takes the first version of the message, the engine sends the second.
        batch, operations = helpers.convert_to_entity_batch_request(item.entityRequestV2)
        name = EntityInstanceId.parse(batch.instanceId).entity
        try:
            encoded = base64.b64encode(batch.SerializeToString()).decode()
            result = await self._call(self._entities.get(name.lower()), "entity", name, encoded)
            response = _parse(pb.EntityBatchResult, name, result)
        except InvocationError as error:
            _log_failure("entity", error)
            failure = pb.OperationResultFailure(failureDetails=failure_details(error))
            results = [pb.OperationResult(failure=failure) for _ in batch.operations]
            response = pb.EntityBatchResult(entityState=batch.entityState, results=results)
        response.completionToken = item.completionToken
        del response.operationInfos[:]
        response.operationInfos.extend(operations)  # without them a caller never hears back
        await self._report(self._engine.CompleteEntityTask, response)


def failure_details(error: InvocationError) -> pb.TaskFailureDetails:
    """A function's exception as Durable Task carries it. The message is never empty: that would read as success."""
    if error.trace:
        kind, _, message = _last_exception(error.trace).partition(": ")
    else:  # the host's own refusal, such as an unknown function
        kind, message = "FunctionError", error.summary
    return pb.TaskFailureDetails(
        errorType=kind,
        errorMessage=message or error.summary or kind,
        stackTrace=wrappers_pb2.StringValue(value=error.trace),
    )


def _last_exception(trace: str) -> str:
    """`Type: message`, which may have several lines, from a formatted traceback: what follows its last frame."""
    lines = trace.strip().split("\n")
    last_frame = max((place for place, line in enumerate(lines) if line.startswith('  File "')), default=-1)
    for place in range(last_frame + 1, len(lines)):
        if not lines[place].startswith(" "):
            return "\n".join(lines[place:])
    return lines[-1]


def _named(app: App, trigger: str, key: str) -> dict[str, Function]:
    """Functions by the name work is addressed to: the trigger's own, else the function's."""
    return {one.setting(key, one.name): one for one in app.triggered_by(trigger)}


def _orchestration_name(request: pb.OrchestratorRequest) -> str:
    events = [*request.pastEvents, *request.newEvents]
    return [event.executionStarted.name for event in events if event.HasField("executionStarted")][-1]


def _parse[T: pb.OrchestratorResponse | pb.EntityBatchResult](kind: type[T], name: str, result: Result) -> T:
    """The protobuf the SDK's wrapper returns, base64. Anything else means the function was not made by the SDK."""
    try:
        return kind.FromString(base64.b64decode(result.returned.value, validate=True))  # type: ignore[union-attr]
    except (AttributeError, TypeError, binascii.Error, DecodeError) as error:
        raise InvocationError(name, f"returned something that is not a durable response: {error}") from error


def _log_failure(kind: str, error: InvocationError) -> None:
    log.error("%s %s failed: %s\n%s", kind, error.function, error.summary, error.trace)
