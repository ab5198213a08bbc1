"""Azurite's queue service, and what it lacks: user-delegation SAS, which Azurite 3.37 knows for blobs only.

Keys are lent here, and a SAS that one of them signed is verified here; then the request goes on to Azurite with a SAS
that its account key signs, for the same rights and times, which Azurite holds it to. All else goes on as it is.
"""

import base64
import hashlib
import hmac
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import aiohttp
from aiohttp import web
from yarl import URL

from local.identity.certificate import Certificate
from local.identity.queue_sas import PARAMETERS, DelegationKey, SasError, by_account_key, verify
from local.identity.server import LoopbackServer
from local.identity.tokens import STORAGE, TokenError, read

_log = logging.getLogger(__name__)
_LONGEST_KEY = timedelta(days=7)
# Of one connection, not of the message.
_HOP = frozenset({"host", "connection", "keep-alive", "transfer-encoding", "content-length", "upgrade"})
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class DelegatedQueues:
    """Answers at `url` in place of the queue service at `azurite` (an https URL); `keys` are the accounts'."""

    def __init__(self, azurite: str, keys: Mapping[str, str], certificate: Certificate, port: int = 0) -> None:
        self._azurite, self._keys, self._certificate = azurite, keys, certificate
        self._session: aiohttp.ClientSession | None = None
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", self._answer)
        self._server = LoopbackServer(application, port, certificate.server_context())

    @property
    def url(self) -> str:
        return self._server.url

    async def start(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._certificate.client_context())
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        await self._server.start()

    async def close(self) -> None:
        await self._server.close()
        if self._session is not None:
            await self._session.close()

    async def _answer(self, request: web.Request) -> web.Response:
        account, _, rest = request.rel_url.raw_path.lstrip("/").partition("/")
        try:
            if request.query.get("comp") == "userdelegationkey":
                return await self._lend_key(request, self._seed(account))
            query = self._query(request, account, rest.partition("/")[0])
        except TokenError as error:
            return _refusal(401, "InvalidAuthenticationInfo", str(error))
        except SasError as error:
            return _refusal(403, "AuthenticationFailed", str(error))
        return await self._pass_on(request, query)

    def _seed(self, account: str) -> bytes:
        """What the account's delegation keys follow from: the same after a restart, so that SAS in use stay good.

        Raises SasError where there is no such account.
        """
        if account not in self._keys:
            raise SasError("there is no such account")
        return hmac.digest(base64.b64decode(self._keys[account]), b"user delegation of queues", hashlib.sha256)

    async def _lend_key(self, request: web.Request, seed: bytes) -> web.Response:
        who = read(request.headers.get("Authorization", ""), STORAGE)
        start, expiry = _times(await request.read())
        key = DelegationKey(who.object_id, who.tenant_id, start, expiry, request.headers.get("x-ms-version", ""))
        _log.info("a user-delegation key for queues, until %s", expiry)
        said = {
            "SignedOid": key.object_id,
            "SignedTid": key.tenant_id,
            "SignedStart": key.start,
            "SignedExpiry": key.expiry,
            "SignedService": key.service,
            "SignedVersion": key.version,
            "Value": base64.b64encode(key.value(seed)).decode(),
        }
        return _xml(200, "UserDelegationKey", said)

    def _query(self, request: web.Request, account: str, queue: str) -> str:
        """The query for Azurite: another SAS where this one is of a user-delegation key."""
        if "skoid" not in request.query:
            return request.rel_url.raw_query_string
        verify(request.query, account, queue, self._seed(account))
        given = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
        kept = urlencode([(name, value) for name, value in given if name not in PARAMETERS])
        signed = by_account_key(request.query, account, queue, self._keys[account])
        return f"{kept}&{signed}" if kept else signed

    async def _pass_on(self, request: web.Request, query: str) -> web.Response:
        assert self._session is not None
        url = URL(f"{self._azurite}{request.rel_url.raw_path}?{query}".rstrip("?"), encoded=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        body = await request.read() if request.can_read_body else None
        async with self._session.request(
            request.method, url, headers=headers, data=body, allow_redirects=False, skip_auto_headers=_AUTOMATIC
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())


def _times(body: bytes) -> tuple[str, str]:
    """Start and expiry of the key that is asked for, as they stand there. Raises SasError."""
    try:
        asked = ElementTree.fromstring(body)
        start, expiry = asked.findtext("Start") or "", asked.findtext("Expiry") or ""
        ends = datetime.strptime(expiry, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (ElementTree.ParseError, ValueError) as error:
        raise SasError("the key info has no expiry") from error
    if ends > datetime.now(UTC) + _LONGEST_KEY:
        raise SasError("a key is lent for 7 days at most")
    return start, expiry


def _refusal(status: int, code: str, message: str) -> web.Response:
    answer = _xml(status, "Error", {"Code": code, "Message": message})
    answer.headers["x-ms-error-code"] = code
    return answer


def _xml(status: int, root: str, content: Mapping[str, str]) -> web.Response:
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in content.items())
    text = f'<?xml version="1.0" encoding="utf-8"?><{root}>{inside}</{root}>'
    return web.Response(status=status, text=text, content_type="application/xml")
