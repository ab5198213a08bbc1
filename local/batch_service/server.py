"""The aiohttp application: authentication, the headers every answer carries, errors in wire form."""

import json
import logging
import uuid

from aiohttp import web
from aiohttp.typedefs import Handler

from local.batch_service.authentication import Mode, authenticate
from local.batch_service.engine import Engine
from local.batch_service.errors import BadRequest, BatchError, error_body
from local.batch_service.handlers import faults, files, jobs, nodes, pools, tasks
from local.batch_service.wire import ENGINE, MEDIA_TYPE

_log = logging.getLogger(__name__)
_KEY = web.AppKey("key", str)
_MODE = web.AppKey[Mode]("mode")
_REQUEST_ID = web.RequestKey("request-id", str)
_MAX_BODY_BYTES = 16 * 1024 * 1024  # above Batch's own limits, so that these give their own errors


def build_app(engine: Engine, key: str, mode: Mode) -> web.Application:
    app = web.Application(middlewares=[_envelope], client_max_size=_MAX_BODY_BYTES)
    app[ENGINE], app[_KEY], app[_MODE] = engine, key, mode
    for module in (pools, nodes, jobs, tasks, files, faults):
        app.add_routes(module.routes)
    app.on_response_prepare.append(_add_headers)
    return app


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["request-id"] = request.get(_REQUEST_ID, "")
    response.headers["DataServiceVersion"] = "3.0"
    response.headers["Server"] = "Atelier-local-Batch"


@web.middleware
async def _envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Checks the request, commits what it changed, and turns errors into Batch's form."""
    request[_REQUEST_ID] = str(uuid.uuid4())
    try:
        _check(request)
        response = await handler(request)
    except BatchError as error:
        response = _error(request, error)
    except web.HTTPRequestEntityTooLarge:
        response = _error(request, BatchError("RequestBodyTooLarge", "The request body is too large.", status=413))
    except web.HTTPException as error:
        code = "UnsupportedHttpVerb" if error.status == 405 else "ResourceNotFound"
        response = _error(request, BatchError(code, f"{request.method} {request.path}: {code}", status=error.status))
    except Exception:  # noqa: BLE001 - the outermost frame: logged, and answered in wire form
        _log.exception("%s %s failed", request.method, request.path)
        response = _error(request, BatchError("InternalError", "The service failed; its log says how.", status=500))
    if request.method not in ("GET", "HEAD"):
        request.app[ENGINE].state.commit()
    return response


def _check(request: web.Request) -> None:
    if not request.path.startswith("/_local/") and not request.query.get("api-version"):
        raise BadRequest("MissingRequiredQueryParameter", "The query parameter api-version is required.")
    raw_path, _, query = request.raw_path.partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    app = request.app
    authenticate(app[_MODE], app[ENGINE].account_name, app[_KEY], request.method, raw_path, query, headers)


def _error(request: web.Request, error: BatchError) -> web.Response:
    _log.debug("%s %s: %s", request.method, request.path, error)
    body = json.dumps(error_body(error, request[_REQUEST_ID], request.app[ENGINE].url)).encode()
    return web.Response(body=body, status=error.status, headers={"Content-Type": MEDIA_TYPE})
