"""A proxy that hurts: between the app or its nodes and a service, it does to HTTP what networks and busy services do.

Without a toxic every byte passes as it is. A toxic strikes a share of the requests, by its own seeded generator:

    error           answered by the proxy with a status, in the service's own error shape; the service sees nothing
    delay           forwarded after some seconds
    drip            the answer's body comes in many small pieces, some seconds in all
    cut-request     the connection ends in the middle of the request's body
    cut-response    the service has done what was asked; the connection ends in the middle of the answer's body
    refuse          the connection ends before anything is forwarded

A service that does not answer at all looks as it would without a proxy: the connection ends.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web
from yarl import URL

Kind = Literal["error", "delay", "drip", "cut-request", "cut-response", "refuse"]

# Of the connection, not of the message: each side of a proxy has its own (RFC 9110, 7.6.1).
_HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding")
_DRIPS = 10


@dataclass(eq=False)
class Toxic:
    """`share` of the requests whose method and path match are struck; `struck` counts them."""

    kind: Kind
    rng: random.Random
    share: float = 1.0
    method: str = ".*"
    path: str = ".*"
    status: int = 503
    seconds: float = 0.0
    struck: int = field(default=0, init=False)

    def strikes(self, method: str, path: str) -> bool:
        if not (re.fullmatch(self.method, method) and re.search(self.path, path)):
            return False
        if self.rng.random() >= self.share:
            return False
        self.struck += 1
        return True

    def __str__(self) -> str:
        what = {"error": f"{self.status}", "delay": f"delay {self.seconds:.1f} s", "drip": f"drip {self.seconds:.1f} s"}
        return f"{what.get(self.kind, self.kind)} for {self.share:.0%} of requests: {self.struck} struck"


@dataclass(frozen=True)
class ErrorAnswer:
    """What a service sends with an error status."""

    headers: dict[str, str]
    body: bytes


def storage_error(status: int) -> ErrorAnswer:
    """https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2"""
    code = {500: "InternalError", 503: "ServerBusy", 429: "TooManyRequests"}.get(status, "OperationTimedOut")
    xml = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return ErrorAnswer({"x-ms-error-code": code, "Content-Type": "application/xml"}, xml.encode())


def batch_error(status: int) -> ErrorAnswer:
    """https://learn.microsoft.com/rest/api/batchservice/batch-status-and-error-codes"""
    code = {500: "InternalError", 503: "ServerBusy", 429: "TooManyRequests"}.get(status, "OperationTimedOut")
    body = f'{{"code": "{code}", "message": {{"lang": "en-US", "value": "{code}: a fault was ordered"}}}}'
    return ErrorAnswer({"Content-Type": "application/json; odata=minimalmetadata"}, body.encode())


class _Cut(Exception):
    """The request's body ends here."""


class ToxicProxy:
    """Listens on a port of its own, which stays the same, and forwards to `port`, whatever listens there by then.

    Toxics may be added and removed from any thread.
    """

    def __init__(self, port: int, error: Callable[[int], ErrorAnswer]) -> None:
        self._upstream, self._error = port, error
        self._toxics: tuple[Toxic, ...] = ()
        self._open: set[asyncio.Transport] = set()
        self.port = 0

    def add(self, toxic: Toxic) -> None:
        self._toxics = (*self._toxics, toxic)

    def remove(self, toxic: Toxic) -> None:
        self._toxics = tuple(one for one in self._toxics if one is not toxic)

    async def start(self) -> None:
        # One connection per request: none to go stale when the service restarts, which would be a fault not ordered.
        connector = TCPConnector(limit=0, force_close=True)
        self._session = ClientSession(connector=connector, auto_decompress=False, timeout=ClientTimeout(total=None))
        application = web.Application(client_max_size=0)
        application.router.add_route("*", "/{anything:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5, auto_decompress=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def cut_all(self) -> None:
        """Ends every connection, whatever it is in the middle of."""
        for transport in list(self._open):
            transport.abort()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            return web.Response()
        self._open.add(transport)
        try:
            body = await request.content.read()
            return await self._answer(request, body)
        except (ClientError, ConnectionError, _Cut):
            transport.abort()
            return web.Response()  # goes nowhere
        finally:
            self._open.discard(transport)

    async def _answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        struck: dict[Kind, Toxic] = {
            toxic.kind: toxic for toxic in self._toxics if toxic.strikes(request.method, request.raw_path)
        }
        if "refuse" in struck:
            raise _Cut
        if error := struck.get("error"):
            answer = self._error(error.status)
            return web.Response(status=error.status, headers=answer.headers, body=answer.body)
        if delay := struck.get("delay"):
            await asyncio.sleep(delay.seconds)
        if "cut-request" in struck and not body:
            raise _Cut
        return await self._forward(request, _half(body) if "cut-request" in struck else body, struck)

    async def _forward(
        self, request: web.Request, data: bytes | AsyncIterator[bytes], struck: dict[Kind, Toxic]
    ) -> web.StreamResponse:
        url = URL(f"http://127.0.0.1:{self._upstream}{request.raw_path}", encoded=True)
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP]
        skipped = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
        async with self._session.request(
            request.method, url, headers=headers, data=data or None, skip_auto_headers=skipped, allow_redirects=False
        ) as upstream:
            content = await upstream.read()
            kept = [(name, value) for name, value in upstream.headers.items() if name.lower() not in _HOP_BY_HOP]
            response = web.StreamResponse(status=upstream.status, reason=upstream.reason)
            response.headers.extend(kept)
            has_body = request.method != "HEAD" and upstream.status not in (204, 304)
            if has_body:
                response.content_length = len(content)
            await response.prepare(request)
            if "cut-response" in struck:
                if has_body:
                    await response.write(content[: len(content) // 2])
                raise _Cut
            if has_body:
                await _write(response, content, struck.get("drip"))
            return response


async def _write(response: web.StreamResponse, content: bytes, drip: Toxic | None) -> None:
    if drip is None:
        await response.write(content)
        return
    size = max(1, -(-len(content) // _DRIPS))
    for begin in range(0, len(content), size):
        await asyncio.sleep(drip.seconds / _DRIPS)
        await response.write(content[begin : begin + size])


async def _half(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    raise _Cut
