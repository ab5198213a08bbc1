"""Where the app and its data storage are: flags, then the environment, then the local stack of this directory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from client.errors import InvalidInput

LOCAL_ENDPOINT = "http://127.0.0.1:7071"
LOCAL_FILE = Path(".local") / "endpoints.json"
START_HINT = "the local stack is not running: run `make up` in the repository (or give --endpoint and --storage)"


@dataclass(frozen=True)
class Connection:
    """`storage` is a connection string or an account URL; None where neither was given nor a local stack is here."""

    endpoint: str
    storage: str | None = field(repr=False)
    key: str | None = field(repr=False)
    is_local: bool


def resolve(
    endpoint: str | None, storage: str | None, key: str | None, environment: Mapping[str, str], folder: Path
) -> Connection:
    """Flags win over ATELIER_ENDPOINT, ATELIER_STORAGE and ATELIER_KEY; those over `.local/endpoints.json`.

    The local stack's storage goes only with the local stack's app: an app elsewhere needs its own --storage.

    Raises:
        InvalidInput: the endpoint is no URL, or the local stack's file cannot be read.
    """
    endpoint = endpoint or environment.get("ATELIER_ENDPOINT")
    storage = storage or environment.get("ATELIER_STORAGE")
    key = key or environment.get("ATELIER_KEY")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise InvalidInput(f"--endpoint: {endpoint!r} is no URL; it begins with https:// (or http://)")
    local = _local_stack(folder) if not endpoint else {}
    return Connection(
        endpoint=(endpoint or local.get("functions") or LOCAL_ENDPOINT).rstrip("/"),
        storage=storage or local.get("data_storage"),
        key=key,
        is_local=endpoint is None,
    )


def _local_stack(folder: Path) -> dict[str, str]:
    path = folder / LOCAL_FILE
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read ({error}); restart the local stack") from error
