"""Stands for Application Insights: takes what its exporter sends, from whom has a token for it."""

import gzip
import json
from typing import Any

from aiohttp import web

from local.identity.certificate import Certificate
from local.identity.server import LoopbackServer
from local.identity.tokens import TokenError, read
from tests.local.loop_thread import LoopThread

AUDIENCE = "https://monitor.azure.com"


class Ingestion:
    """A context manager; `taken` are the items, `refused` why others were not."""

    def __init__(self, certificate: Certificate, port: int) -> None:
        application = web.Application()
        application.add_routes([web.post("/{path:.*}", self._answer)])
        self._server = LoopbackServer(application, port, certificate.server_context())
        self._loop = LoopThread()
        self.taken: list[dict[str, Any]] = []
        self.refused: list[str] = []

    def __enter__(self) -> "Ingestion":
        self._loop.__enter__().run(self._server.start())
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.run(self._server.close())
        self._loop.__exit__(*error)

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            read(request.headers.get("Authorization", ""), AUDIENCE)
        except TokenError as error:
            self.refused.append(str(error))
            return web.Response(status=401)
        body = await request.read()
        text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        items = json.loads(text) if text[:1] == b"[" else [json.loads(line) for line in text.splitlines() if line]
        self.taken += items
        return web.json_response({"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []})
