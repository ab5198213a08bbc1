"""What every handler needs of HTTP: bodies, answers, conditions, pages of a list."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from typing import Any, Protocol
from urllib.parse import quote

from aiohttp import web

from local.batch_service.engine import Engine
from local.batch_service.errors import BadRequest, PreconditionFailed, invalid_query
from local.batch_service.odata import compile_filter, select
from local.batch_service.views import View

ENGINE = web.AppKey("engine", Engine)
MEDIA_TYPE = "application/json;odata=minimalmetadata"
MAX_PAGE = 1000  # Batch returns at most this many elements at a time


class Tagged(Protocol):
    etag: str


class Ordered(Protocol):
    @property
    def ordinal(self) -> int: ...


def engine(request: web.Request) -> Engine:
    return request.app[ENGINE]


async def read_body(request: web.Request) -> dict[str, Any]:
    """The JSON object sent, {} for an empty body. Raises BadRequest."""
    content = await request.read()
    if not content:
        return {}
    if "odata" not in request.headers.get("Content-Type", ""):
        raise BadRequest("InvalidHeaderValue", "Content-Type must be application/json; odata=minimalmetadata.")
    try:
        body = json.loads(content)
    except ValueError as error:
        raise BadRequest("InvalidRequestBody", f"The request body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("InvalidRequestBody", "The request body must be a JSON object.")
    return body


def answer(
    request: web.Request,
    status: int = 200,
    body: Mapping[str, Any] | None = None,
    record: Tagged | None = None,
    location: str | None = None,
) -> web.Response:
    """`record` supplies the entity tag, `location` a path below the account's URL."""
    headers = {"DataServiceId": engine(request).url + request.path}
    if record is not None:
        headers |= {"ETag": f'"{record.etag}"', "Last-Modified": formatdate(time.time(), usegmt=True)}
    if location is not None:
        headers["Location"] = engine(request).url + location
    if body is None:
        return web.Response(status=status, headers=headers)
    return web.Response(body=json.dumps(body).encode(), status=status, headers={**headers, "Content-Type": MEDIA_TYPE})


def chosen(request: web.Request, view: View) -> View:
    """The view reduced to $select."""
    return select(view, request.query.get("$select"))


def check_conditions(request: web.Request, record: Tagged) -> None:
    """Raises PreconditionFailed when If-Match or If-None-Match forbids the request."""
    tag = f'"{record.etag}"'
    wanted, unwanted = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    matches = wanted is None or wanted in ("*", tag, record.etag)
    differs = unwanted is None or unwanted not in ("*", tag, record.etag)
    if not (matches and differs):
        raise PreconditionFailed("ConditionNotMet", "The condition of the request's HTTP headers is not met.")


def list_page[Item: Ordered](
    request: web.Request, items: Iterable[Item], view: Callable[[Item], View], kind: str, limit: int = MAX_PAGE
) -> web.Response:
    """One page of items in ascending ordinal order, filtered and selected; odata.nextLink leads to the next."""
    query = request.query
    matches = compile_filter(query["$filter"]) if query.get("$filter") else None
    size, after = min(_number(request, "maxresults", limit), limit), _number(request, "$skiptoken", -1)
    found: list[View] = []
    last, more = after, False
    for item in items:
        if item.ordinal <= after:
            continue
        seen = view(item)
        if matches is not None and not matches(seen):
            continue
        if len(found) == size:
            more = True
            break
        found.append(chosen(request, seen))
        last = item.ordinal
    page: dict[str, Any] = {"odata.metadata": f"{engine(request).url}/$metadata#{kind}", "value": found}
    if more:
        page["odata.nextLink"] = _next_link(request, last)
    return answer(request, body=page)


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isdigit() or (name == "maxresults" and int(text) == 0):
        raise invalid_query(name, f"{text!r} is not a number of elements")
    return int(text)


def _next_link(request: web.Request, last: int) -> str:
    kept = {name: request.query[name] for name in ("$filter", "$select", "maxresults") if name in request.query}
    parameters = {"api-version": request.query["api-version"], "$skiptoken": str(last), **kept}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"{engine(request).url}{request.rel_url.raw_path}?{query}"
