"""One pool of HTTP connections for all that a task reads and writes: its requests go to the same two or three hosts,
and each new connection costs a TCP and a TLS handshake."""

from functools import cache

import requests
from azure.core.pipeline.transport import RequestsTransport


@cache
def transport() -> RequestsTransport:
    """Shared by the task's threads; not owned by the clients that use it, which therefore never close it."""
    session = requests.Session()
    session.auth = _as_signed
    return RequestsTransport(session=session, session_owner=False)


def _as_signed(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No `auth` of its own makes requests look for the user's .netrc at every request, a fifth of its processor time;
    and what it found there for the host would take the place of what the SDK has signed."""
    return request
