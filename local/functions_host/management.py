"""The Durable Functions HTTP management API, under /runtime/webhooks/durabletask/.

https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api. Queries and filters are in
`management_query`.
"""

import json
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import azure.durable_functions as df
import grpc
from aiohttp import web
from durabletask.client import OrchestrationState, OrchestrationStatus
from durabletask.entities import EntityInstanceId

from local.functions_host.management_query import Query, QueryError, list_page, status_body

_ENDED = (OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED)
_HTTP_STATUS = {
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 410,
}
POLL_AGAIN_S = "10"


class Management:
    """Answers the management API through the same client the app's own functions use."""

    def __init__(self, client_config: str) -> None:
        self._client = df.DurableFunctionsClient(client_config)
        self._operations: dict[tuple[str, str], Callable[[web.Request, Query, str, list[str]], Awaitable[None]]] = {
            ("POST", "raiseevent"): self._raise_event,
            ("POST", "terminate"): self._terminate,
            ("POST", "suspend"): self._suspend,
            ("POST", "resume"): self._resume,
        }

    async def close(self) -> None:
        """Close the connection to the engine."""
        await self._client.close()

    async def answer(self, request: web.Request, path: str) -> web.Response:
        """Answer one request; `path` is what follows the prefix, still percent-encoded."""
        query = Query(request.query)
        parts = [unquote(part) for part in path.strip("/").split("/")]
        try:
            return await self._route(request, query, parts)
        except (QueryError, json.JSONDecodeError) as error:
            return _bad_request(str(error))
        except grpc.RpcError as error:
            code, details = _rpc(error)
            return web.json_response({"Message": details}, status=_HTTP_STATUS.get(code, 500))

    async def _route(self, request: web.Request, query: Query, parts: list[str]) -> web.Response:
        match request.method, [parts[0].lower(), *parts[1:]]:
            case "GET", ["instances"]:
                return await list_page(self._client, query, request.headers.get("x-ms-continuation-token"))
            case "DELETE", ["instances"]:
                return await self._purge_many(query)
            case "POST", ["orchestrators", name]:
                return await self._start(request, name, None)
            case "POST", ["orchestrators", name, instance_id]:
                return await self._start(request, name, instance_id)
            case "GET", ["entities", name, key]:
                return await self._entity(name, key)
            case _, ["instances", instance_id, *operation]:
                return await self._on_instance(request, query, instance_id, operation)
            case _:
                return web.Response(status=404)

    # -- starting and purging -----------------------------------------------------------------

    async def _start(self, request: web.Request, name: str, instance_id: str | None) -> web.Response:
        body = await request.read()
        started = await self._client.schedule_new_orchestration(
            name, input=json.loads(body) if body else None, instance_id=instance_id
        )
        return self._check_status(started)

    def _check_status(self, instance_id: str) -> web.Response:
        links = dict(self._client._get_client_response_links(None, instance_id))
        headers = {"Location": links["statusQueryGetUri"], "Retry-After": POLL_AGAIN_S}
        return web.json_response(links, status=202, headers=headers)

    async def _purge_many(self, query: Query) -> web.Response:
        created_from = query.time("createdTimeFrom")
        if created_from is None:
            raise QueryError("Please provide value for 'createdTimeFrom' parameter.")
        purged = await self._client.purge_orchestrations_by(created_from, query.time("createdTimeTo"), query.statuses())
        count = purged.deleted_instance_count
        return web.json_response({"instancesDeleted": count}, status=200 if count else 404)

    async def _entity(self, name: str, key: str) -> web.Response:
        entity = await self._client.get_entity(EntityInstanceId(name, "" if key == "$" else key))
        if entity is None:
            return web.Response(status=404)
        return web.json_response(text=(entity.get_state(str) if entity.includes_state else None) or "null")

    # -- one instance -------------------------------------------------------------------------

    async def _on_instance(
        self, request: web.Request, query: Query, instance_id: str, operation: list[str]
    ) -> web.Response:
        state = await self._client.get_orchestration_state(instance_id, fetch_payloads=True)
        if state is None:
            return web.Response(status=404)
        match request.method, [part.lower() for part in operation[:1]]:
            case "GET", []:
                return await self._status(request, query, state)
            case "DELETE", []:
                return await self._purge_one(state)
            case "POST", ["restart"]:
                fresh = query.flag("restartWithNewInstanceId", True)
                started = await self._client.restart_orchestration(instance_id, restart_with_new_instance_id=fresh)
                return self._check_status(started)
            case "POST", ["rewind"]:
                if state.runtime_status in _ENDED and state.runtime_status != OrchestrationStatus.FAILED:
                    return web.Response(status=410)
                await self._client.rewind_orchestration(instance_id, reason=query.text("reason"))
            case method, [name] if (method, name) in self._operations:
                if state.runtime_status in _ENDED:
                    return web.Response(status=410)
                await self._operations[method, name](request, query, instance_id, operation[1:])
            case _:
                return web.Response(status=404)
        return web.Response(status=202)

    async def _purge_one(self, state: OrchestrationState) -> web.Response:
        purged = await self._client.purge_orchestration(state.instance_id)
        count = purged.deleted_instance_count
        return web.json_response({"instancesDeleted": count}, status=200 if count else 404)

    async def _status(self, request: web.Request, query: Query, state: OrchestrationState) -> web.Response:
        body = await status_body(self._client, query, state)
        status = state.runtime_status
        if status not in _ENDED:
            headers = {"Location": str(request.url), "Retry-After": POLL_AGAIN_S}
            return web.json_response(body, status=202, headers=headers)
        failed = status == OrchestrationStatus.FAILED and query.flag("returnInternalServerErrorOnFailure", False)
        return web.json_response(body, status=500 if failed else 200)

    async def _raise_event(self, request: web.Request, query: Query, instance_id: str, rest: list[str]) -> None:
        if len(rest) != 1 or not rest[0]:
            raise QueryError("Please name the event: .../raiseEvent/{eventName}")
        if request.content_type != "application/json":
            raise QueryError("Only application/json request content is supported")
        data = json.loads(await request.read() or b"null")
        await self._client.raise_orchestration_event(instance_id, rest[0], data=data)

    async def _terminate(self, request: web.Request, query: Query, instance_id: str, rest: list[str]) -> None:
        # As in Azure: sub-orchestrations go on. Only the SDK's own call can end them too.
        await self._client.terminate_orchestration(instance_id, output=query.text("reason"), recursive=False)

    async def _suspend(self, request: web.Request, query: Query, instance_id: str, rest: list[str]) -> None:
        await self._client.suspend_orchestration(instance_id, reason=query.text("reason"))

    async def _resume(self, request: web.Request, query: Query, instance_id: str, rest: list[str]) -> None:
        await self._client.resume_orchestration(instance_id, reason=query.text("reason"))


def _bad_request(message: str) -> web.Response:
    body = {"Message": "One or more of the arguments submitted is incorrect", "ExceptionMessage": message}
    return web.json_response(body, status=400)


def _rpc(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    """Code and details of a failed call; grpc's base class declares neither."""
    call: grpc.Call = error  # type: ignore[assignment]
    return call.code(), call.details() or ""
