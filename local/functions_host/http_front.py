"""The HTTP front: function routes, the landing page, the admin endpoints, and the way to the management API."""

import html
import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from azure_functions_runtime.bindings.datumdef import Datum

from local.functions_host.app import App, Function
from local.functions_host.blob_events import BlobEvents
from local.functions_host.errors import InvocationError
from local.functions_host.keys import Keys
from local.functions_host.management import Management
from local.functions_host.outputs import Outputs
from local.functions_host.queue_trigger import ClientInputs
from local.functions_host.redaction import redact
from local.functions_host.routes import Route

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 100 << 20  # Azure's limit for a request to a function
MANAGEMENT_PREFIX = "/runtime/webhooks/durabletask/"
BLOB_EVENTS = "/runtime/webhooks/blobs"
LANDING_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Your Functions 4.0 app is up and running</title></head>
<body><h1>Your Functions 4.0 app is up and running</h1><ul>{rows}</ul></body></html>
"""


@dataclass(frozen=True)
class Endpoint:
    """An HTTP function and where it answers."""

    route: Route
    methods: frozenset[str]
    level: str
    function: Function


@dataclass(frozen=True)
class Doors:
    """The webhooks of extensions, each behind a system key of its own."""

    management: Management
    blob_events: BlobEvents


class HttpFront:
    """Answers HTTP for the app. Core Tools checks no keys locally; neither does this without `require_keys`."""

    def __init__(
        self,
        app: App,
        outputs: Outputs,
        client_inputs: ClientInputs,
        doors: Doors,
        keys: Keys,
        require_keys: bool,
    ) -> None:
        self._app = app
        self._outputs = outputs
        self._client_inputs = client_inputs
        self._doors = doors
        self._keys = keys
        self._require_keys = require_keys
        endpoints = [_endpoint(app.host.route_prefix, one) for one in app.triggered_by("httpTrigger")]
        self._endpoints = sorted(endpoints, key=lambda one: one.route.order)

    def application(self) -> web.Application:
        """The aiohttp application."""
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_route("*", "/{tail:.*}", self._answer)
        return application

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path.startswith(MANAGEMENT_PREFIX):
            if not self._allowed(request, self._keys.opens_management):
                return web.Response(status=401)
            return await self._doors.management.answer(request, path.removeprefix(MANAGEMENT_PREFIX))
        if path == BLOB_EVENTS:
            if not self._allowed(request, self._keys.opens_blob_events):
                return web.Response(status=401)
            return await self._doors.blob_events.answer(request)
        if path in ("/admin/host/status", "/admin/host/ping"):
            return self._admin(path)
        found = [(one, values) for one in self._endpoints if (values := one.route.match(path)) is not None]
        for endpoint, values in found:
            if request.method in endpoint.methods:
                return await self._call(request, endpoint, values)
        if path == "/" and not found:
            return web.Response(text=self._landing_page(), content_type="text/html")
        return web.Response(status=405 if found else 404)

    def _allowed(self, request: web.Request, opens: Callable[[str | None], bool]) -> bool:
        return not self._require_keys or opens(request.headers.get("x-functions-key") or request.query.get("code"))

    def _admin(self, path: str) -> web.Response:
        if path.endswith("/ping"):
            return web.Response()
        return web.json_response({"id": self._app.root.name, "state": "Running", "version": "4.0", "errors": []})

    def _landing_page(self) -> str:
        rows = [
            f"<li>{html.escape(one.function.name)}: /{html.escape(one.route.template)} "
            f"[{', '.join(sorted(one.methods))}]</li>"
            for one in self._endpoints
        ]
        return LANDING_PAGE.format(rows="".join(rows))

    async def _call(self, request: web.Request, endpoint: Endpoint, values: Mapping[str, str]) -> web.StreamResponse:
        opens = self._keys.opens_admin if endpoint.level == "admin" else self._keys.opens_function
        if endpoint.level != "anonymous" and not self._allowed(request, opens):
            return web.Response(status=401)
        function = endpoint.function
        inputs = {function.trigger["name"]: await _request_datum(request, values), **self._client_inputs(function)}
        try:
            result = await self._app.invoke(function, inputs)
            await self._outputs.write(function, result, {**request.query, **values})
        except InvocationError as error:
            log.error("%s failed: %s\n%s", function.name, error.summary, error.trace)
            return web.Response(status=500)
        except Exception:  # noqa: BLE001 - an output that cannot be written fails the request, as in Azure
            log.error("%s: its outputs were not written\n%s", function.name, redact(traceback.format_exc()))
            return web.Response(status=500)
        named = (one["name"] for one in function.bindings if one["type"] == "http")
        return _response(next((result.outputs[name] for name in named if name in result.outputs), result.returned))


def _endpoint(prefix: str, function: Function) -> Endpoint:
    trigger = function.trigger
    template = f"{prefix}/{trigger.get('route') or function.name}".strip("/")
    methods = [getattr(one, "value", one) for one in trigger.get("methods") or ("GET", "POST")]
    level = trigger.get("authLevel") or "function"
    return Endpoint(
        Route(template),
        frozenset(str(one).upper() for one in methods),
        str(getattr(level, "value", level)).lower(),
        function,
    )


def _text(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


async def _request_datum(request: web.Request, values: Mapping[str, str]) -> Datum:
    """A request as the worker receives it. Raises 413 above MAX_BODY_BYTES."""
    parts: dict[str, Any] = {
        "method": Datum(request.method, "string"),
        "url": Datum(str(request.url), "string"),
        "headers": _text({name.lower(): value for name, value in request.headers.items()}),
        "query": _text(request.query),
        "params": _text(values),
        "body": Datum(await request.read(), "bytes"),
    }
    return Datum(parts, "http")


def _response(datum: Datum | None) -> web.Response:
    if datum is None or datum.value is None:
        return web.Response(status=204)
    if datum.type != "http":
        body = datum.value if isinstance(datum.value, bytes) else str(datum.value).encode()
        return web.Response(body=body, content_type="text/plain")
    value = datum.value
    response = web.Response(
        status=int(value["status_code"].value),
        body=value["body"].value,
        headers={name: header.value for name, header in value["headers"].items()},
    )
    for cookie in value.get("cookies") or ():
        for morsel in cookie.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response
