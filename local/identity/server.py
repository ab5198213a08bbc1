"""A small aiohttp server on the loopback interface."""

import ssl

from aiohttp import web

from local.ports import ADDRESS

_SHUTDOWN_SECONDS = 1.0  # how long open requests may go on once it closes


class LoopbackServer:
    """Serves `application`; `url` is known after `start`, which raises OSError when the port is taken."""

    def __init__(self, application: web.Application, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        self._port, self._tls = port, tls
        self.url = ""

    async def start(self) -> None:
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, ADDRESS, self._port, ssl_context=self._tls).start()
        except BaseException:
            await self.close()
            raise
        host, port = self._runner.addresses[0][:2]
        self.url = f"{'https' if self._tls else 'http'}://{host}:{port}"

    async def close(self) -> None:
        await self._runner.cleanup()
