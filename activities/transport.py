"""One pool of HTTP connections for all Azure clients of the process."""

from functools import cache

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

# Activities and doors run on up to 32 threads (PYTHON_THREADPOOL_THREAD_COUNT), the stitch reads with 16 more. Above
# urllib3's default of 10 a connection is thrown away after each use, which costs a TLS handshake every time.
CONNECTIONS = 64


@cache
def transport() -> RequestsTransport:
    session = requests.Session()
    session.auth = _as_signed
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS))
    return RequestsTransport(session=session, session_owner=False)


def _as_signed(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No `auth` of its own makes requests look for the user's .netrc at every request, a fifth of its processor time;
    and what it found there for the host would take the place of what the SDK has signed."""
    return request
