"""Shared-key signatures, as https://learn.microsoft.com/rest/api/batchservice/authenticate-requests-to-the-azure-batch-servic,e
describes them and azure-batch makes them."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs

from local.batch_service.errors import Unauthorized

MAX_SKEW_SECONDS = 15 * 60  # the documentation's bound on the request's age
_SIGNED_HEADERS = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
]


def sign(account: str, key: str, method: str, raw_path: str, query: str, headers: Mapping[str, str]) -> str:
    """The base64 HMAC-SHA256 of the request. `headers` have lower-case names, `raw_path` is as sent."""
    present = {name: value for name, value in headers.items() if value}
    if method not in ("GET", "HEAD"):
        present.setdefault("content-length", "0")
    lines = [method, *(present.get(name, "") for name in _SIGNED_HEADERS)]
    lines += [f"{name}:{present[name]}" for name in sorted(present) if name.startswith("ocp-")]
    lines.append(f"/{account}{raw_path}")
    parameters = parse_qs(query)
    lines += [f"{name}:{parameters[name][0]}" for name in sorted(parameters)]
    digest = hmac.new(base64.b64decode(key), "\n".join(lines).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def verify(account: str, key: str, method: str, raw_path: str, query: str, headers: Mapping[str, str]) -> None:
    """Raises Unauthorized unless the Authorization header carries this account's signature of a recent request."""
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    if scheme != "SharedKey":
        raise _refusal(401, f"the authorization scheme is {scheme or 'missing'!r}; the local service takes SharedKey")
    name, _, signature = credential.partition(":")
    expected = sign(account, key, method, raw_path, query, headers)
    if name != account or not hmac.compare_digest(signature.encode(), expected.encode()):
        raise _refusal(403, f"the signature is not that of account {account!r}")
    if not _is_recent(headers.get("ocp-date") or headers.get("date")):
        raise _refusal(403, "the ocp-date header is missing, unreadable or more than 15 minutes off the clock")


def _is_recent(date: str | None) -> bool:
    try:
        sent = parsedate_to_datetime(date or "")
    except ValueError:
        return False
    return abs(sent.timestamp() - time.time()) <= MAX_SKEW_SECONDS


def _refusal(status: int, reason: str) -> Unauthorized:
    message = f"Server failed to authenticate the request: {reason}."
    return Unauthorized("AuthenticationFailed", message, status=status)
