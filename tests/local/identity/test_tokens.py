"""Tokens of nobody: what opens and what does not."""

import base64
import json
import time

import pytest

from local.identity.tokens import BATCH, ISSUER, STORAGE, TENANT, TokenError, issue, read


def claimed(**changes: object) -> str:
    now = int(time.time())
    claims = {"aud": STORAGE, "iss": ISSUER, "nbf": now - 1, "exp": now + 60, "oid": "o", "tid": "t"} | changes
    return f"Bearer e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()}."


@pytest.mark.parametrize("audience", [STORAGE, f"{STORAGE}/"])
def test_a_token_for_the_audience_says_who_it_is(audience: str) -> None:
    token, ends = issue(audience, "client", "object")
    who = read(f"Bearer {token}", STORAGE)
    assert (who.object_id, who.tenant_id) == ("object", TENANT)
    assert ends > time.time()


@pytest.mark.parametrize(
    ("authorization", "why"),
    [
        ("", "the authorization scheme is 'missing'"),
        ("SharedKey a:b", "'SharedKey', not Bearer"),
        ("Bearer words", "no JSON web token"),
        ("Bearer a.b.c", "no JSON web token"),
        (claimed(aud=BATCH), "audience"),
        (claimed(iss="https://sts.windows.net/another/"), "another issuer"),
        (claimed(exp=int(time.time()) - 1), "not valid now"),
        (claimed(nbf=int(time.time()) + 3600), "not valid now"),
        (claimed(exp="later"), "not valid now"),
    ],
)
def test_what_is_no_token_for_it_now_is_refused(authorization: str, why: str) -> None:
    with pytest.raises(TokenError, match=why):
        read(authorization, STORAGE)
