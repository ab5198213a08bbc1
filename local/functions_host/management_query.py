"""Query parameters, filters, pages and bodies of the Durable management API."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import durabletask.internal.orchestrator_service_pb2 as pb
from aiohttp import web
from azure.durable_functions.internal.compat.durable_orchestration_status import DurableOrchestrationStatus
from azure.durable_functions.internal.compat.history_projection import project_history
from azure.durable_functions.internal.compat.orchestration_runtime_status import (
    OrchestrationRuntimeStatus,
    to_durabletask_statuses,
)
from durabletask.client import OrchestrationState, OrchestrationStatus, parse_orchestration_state
from durabletask.internal import helpers

DEFAULT_PAGE = 100


class QueryError(ValueError):
    """A query parameter, header or body that the API does not take; the message names it and its value."""


class Query:
    """The query string; names in any case, as the real API takes them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def text(self, name: str) -> str | None:
        """The value, or None where it is absent or empty."""
        return self._values.get(name.lower()) or None

    def flag(self, name: str, default: bool) -> bool:
        """`true` or `false`; anything else, as in the real API, is the default."""
        return {"true": True, "false": False}.get((self.text(name) or "").lower(), default)

    def time(self, name: str) -> datetime | None:
        """An ISO 8601 time, UTC where it has no zone."""
        text = self.text(name)
        if text is None:
            return None
        try:
            when = datetime.fromisoformat(text)
        except ValueError as error:
            raise QueryError(f"{name} is {text!r}; write an ISO 8601 time such as 2025-01-31T12:00:00Z") from error
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)

    def count(self, name: str) -> int | None:
        """A positive whole number."""
        text = self.text(name)
        if text is None:
            return None
        if not text.isdigit() or int(text) == 0:
            raise QueryError(f"{name} is {text!r}; write a whole number above 0")
        return int(text)

    def statuses(self) -> list[OrchestrationStatus] | None:
        """`runtimeStatus=Running,Pending`; None where it is absent."""
        text = self.text("runtimeStatus")
        if text is None:
            return None
        known = {one.name.lower(): one for one in OrchestrationRuntimeStatus}
        names = [name.strip() for name in text.split(",") if name.strip()]
        if unknown := [name for name in names if name.lower() not in known]:
            all_names = ", ".join(one.name for one in known.values())
            raise QueryError(f"runtimeStatus {unknown[0]!r} is unknown; known: {all_names}")
        return to_durabletask_statuses([known[name.lower()] for name in names])


def _body(state: OrchestrationState, show_input: bool, history: list[Any] | None = None) -> dict[str, Any]:
    status = DurableOrchestrationStatus.from_orchestration_state(state, include_input=show_input, history=history)
    body = {"input": None, "customStatus": None, "output": None, **status.to_json()}
    for key in ("createdTime", "lastUpdatedTime"):
        body[key] = body[key][:19] + "Z"  # the API gives whole seconds
    return body


async def status_body(client: df.DurableFunctionsClient, query: Query, state: OrchestrationState) -> dict[str, Any]:
    """The answer to a status query, with history where `showHistory=true` asks for it."""
    show_input = query.flag("showInput", True)
    history = None
    if query.flag("showHistory", False):
        events = await client.get_orchestration_history(state.instance_id)
        history = project_history(
            events, show_input=show_input, show_history_output=query.flag("showHistoryOutput", False)
        )
    return _body(state, show_input, history)


async def list_page(client: df.DurableFunctionsClient, query: Query, token: str | None) -> web.Response:
    """One page of instances. The client's own method hides the continuation token, so this goes through its stub."""
    if token and not token.isdigit():
        raise QueryError(f"x-ms-continuation-token is {token!r}; send back the one the last page gave")
    created_from, created_to = query.time("createdTimeFrom"), query.time("createdTimeTo")
    statuses = query.statuses()
    request = pb.InstanceQuery(
        runtimeStatus=[one.value for one in statuses] if statuses else None,
        maxInstanceCount=query.count("top") or DEFAULT_PAGE,
        fetchInputsAndOutputs=True,
        instanceIdPrefix=helpers.get_string_value(query.text("instanceIdPrefix")),
        createdTimeFrom=helpers.new_timestamp(created_from) if created_from else None,
        createdTimeTo=helpers.new_timestamp(created_to) if created_to else None,
        continuationToken=helpers.get_string_value(token),
    )
    answer = await client._get_stub().QueryInstances(pb.QueryInstancesRequest(query=request))
    show_input = query.flag("showInput", False)
    states = [parse_orchestration_state(one, client._data_converter) for one in answer.orchestrationState]
    body = [_body(state, show_input) for state in states if state is not None]
    return web.json_response(body, headers={"x-ms-continuation-token": answer.continuationToken.value})
