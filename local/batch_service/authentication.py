"""Who may call: those with the account's key, or with a token, as the account's allowed authentication modes say."""

from collections.abc import Mapping
from typing import Literal

from local.batch_service.errors import Unauthorized
from local.batch_service.signature import verify
from local.identity.tokens import BATCH, TokenError, read

type Mode = Literal["SharedKey", "AAD"]


def authenticate(
    mode: Mode, account: str, key: str, method: str, raw_path: str, query: str, headers: Mapping[str, str]
) -> None:
    """Raises Unauthorized unless the Authorization header is good for an account that allows `mode` alone."""
    if mode == "SharedKey":
        verify(account, key, method, raw_path, query, headers)
        return
    try:
        read(headers.get("authorization", ""), BATCH)
    except TokenError as error:
        message = f"Server failed to authenticate the request: {error}; the account allows AAD alone."
        raise Unauthorized("AuthenticationFailed", message) from error
