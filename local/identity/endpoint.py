"""The endpoint that gives an app in App Service the tokens of its managed identity, with one user-assigned identity.

https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import hmac
import logging
import secrets
import uuid

from aiohttp import web

from local.identity.server import LoopbackServer
from local.identity.tokens import issue

_log = logging.getLogger(__name__)
_PATH = "/msi/token"
_API_VERSION = "2019-08-01"


class IdentityEndpoint:
    """`client_id` is the one identity that the app has. `environment` is what App Service sets for the app."""

    def __init__(self, client_id: str, port: int = 0) -> None:
        self.client_id = client_id
        # The same identity on every machine and after every start: SAS made by it keep their signed object id.
        self.object_id = str(uuid.uuid5(uuid.NAMESPACE_URL, client_id))
        self._secret = secrets.token_urlsafe(32)
        application = web.Application()
        application.add_routes([web.get(_PATH, self._answer)])
        self._server = LoopbackServer(application, port)

    async def start(self) -> None:
        await self._server.start()

    async def close(self) -> None:
        await self._server.close()

    @property
    def environment(self) -> dict[str, str]:
        return {"IDENTITY_ENDPOINT": self._server.url + _PATH, "IDENTITY_HEADER": self._secret}

    async def _answer(self, request: web.Request) -> web.Response:
        # Azure asks for the header so that an app which can be made to fetch a URL does not give tokens away.
        if not hmac.compare_digest(request.headers.get("X-IDENTITY-HEADER", "").encode(), self._secret.encode()):
            return _refusal(401, "the header X-IDENTITY-HEADER is missing or wrong")
        if request.query.get("api-version") != _API_VERSION:
            return _refusal(400, f"api-version must be {_API_VERSION}")
        resource = request.query.get("resource", "")
        if not resource:
            return _refusal(400, "resource is missing")
        if request.query.get("client_id") != self.client_id:
            _log.warning("a token for an identity that the app does not have: %s", request.query.get("client_id"))
            return _refusal(400, "No User Assigned or Delegated Managed Identity found for specified ClientId")
        _log.info("a token for %s", resource)
        token, ends = issue(resource, self.client_id, self.object_id)
        body = {"access_token": token, "client_id": self.client_id, "resource": resource, "token_type": "Bearer"}
        return web.json_response(body | {"expires_on": str(ends)})


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"statusCode": status, "message": message}, status=status)
