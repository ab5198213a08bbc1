"""An account that allows AAD alone: tokens for Batch, and no key."""

import pytest

from local.batch_service.authentication import authenticate
from local.batch_service.errors import Unauthorized
from local.batch_service.signature import sign
from local.identity.tokens import BATCH, STORAGE, issue

KEY = "a2V5"


def call(authorization: str) -> None:
    authenticate("AAD", "local", KEY, "GET", "/jobs", "", {"authorization": authorization})


def test_a_token_for_batch_is_taken() -> None:
    call(f"Bearer {issue(f'{BATCH}/', 'client', 'object')[0]}")


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {issue(STORAGE, 'client', 'object')[0]}",
        f"Bearer {issue(BATCH, 'client', 'object', life_seconds=-1)[0]}",
        f"SharedKey local:{sign('local', KEY, 'GET', '/jobs', '', {})}",
        "",
    ],
)
def test_all_else_is_refused(authorization: str) -> None:
    with pytest.raises(Unauthorized, match="the account allows AAD alone") as refused:
        call(authorization)
    assert refused.value.status == 401
    assert authorization.partition(" ")[2] not in str(refused.value) or not authorization
