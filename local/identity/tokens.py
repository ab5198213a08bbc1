"""Access tokens with the claims of Microsoft Entra ID's, and a signature by nobody.

Only a tenant's own service can sign. Azurite's `--oauth basic` looks at issuer, audience and times, and so do the parts
of the local stack that take tokens themselves.
"""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TENANT = "00000000-0000-4000-8000-00000a7e11e4"
ISSUER = f"https://sts.windows.net/{TENANT}/"
STORAGE = "https://storage.azure.com"
BATCH = "https://batch.core.windows.net"
LIFE_SECONDS = 24 * 3600  # what Entra ID gives a managed identity's token
_BEHIND_SECONDS = 300  # it begins so much earlier, for clocks that are behind


class TokenError(Exception):
    """No token, or none that opens this; the message tells what is wrong and nothing of the token."""


@dataclass(frozen=True)
class Principal:
    """Who a token speaks for: the ids of the identity and of its tenant."""

    object_id: str
    tenant_id: str


def issue(audience: str, client_id: str, object_id: str, life_seconds: int = LIFE_SECONDS) -> tuple[str, int]:
    """A token for `audience`, and when it ends (seconds since 1970)."""
    now = int(time.time())
    claims = {
        "aud": audience,
        "iss": ISSUER,
        "iat": now,
        "nbf": now - _BEHIND_SECONDS,
        "exp": now + life_seconds,
        "appid": client_id,
        "oid": object_id,
        "sub": object_id,
        "tid": TENANT,
        "ver": "1.0",
    }
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}.", now + life_seconds


def read(authorization: str, audience: str) -> Principal:
    """Who the header `Bearer <token>` speaks for. Raises TokenError where it is not for `audience` or not now."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise TokenError(f"the authorization scheme is {scheme or 'missing'!r}, not Bearer")
    claims = _claims(token)
    if str(claims.get("aud", "")).rstrip("/") != audience:
        raise TokenError(f"the token's audience is {claims.get('aud')!r}, not {audience}")
    if claims.get("iss") != ISSUER:
        raise TokenError("the token is of another issuer")
    begins, ends = claims.get("nbf"), claims.get("exp")
    if not isinstance(begins, int) or not isinstance(ends, int) or not begins <= time.time() < ends:
        raise TokenError("the token is not valid now")
    return Principal(str(claims.get("oid")), str(claims.get("tid")))


def _part(content: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _claims(token: str) -> dict[str, Any]:
    try:
        _, claims, _ = token.split(".")
        return dict(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))))
    except (ValueError, TypeError) as error:
        raise TokenError("the token is no JSON web token") from error
