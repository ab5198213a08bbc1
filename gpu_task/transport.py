"""One pool of HTTP connections for all that a task reads and writes: its requests go to the same two or three hosts,
and each new connection costs a TCP and a TLS handshake."""

from functools import cache

import requests
from azure.core.pipeline.transport import RequestsTransport


@cache
def transport() -> RequestsTransport:
    """Shared by the task's threads; not owned by the clients that use it, which therefore never close it."""
    return RequestsTransport(session=requests.Session(), session_owner=False)
