"""Host keys: made once, kept in the state folder, readable by the owner alone."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from local.functions_host.errors import HostFileError
from local.functions_host.host_json import read_json


@dataclass(frozen=True, repr=False)
class Keys:
    """`master` opens everything, `default` the functions, `durable_task` the Durable management API, `blobs_extension`
    the door for blob events."""

    master: str
    default: str
    durable_task: str
    blobs_extension: str

    def opens_function(self, key: str | None) -> bool:
        """Whether `key` may call a function of level `function`."""
        return _among(key, self.default, self.master)

    def opens_admin(self, key: str | None) -> bool:
        """Whether `key` may call a function of level `admin`."""
        return _among(key, self.master)

    def opens_management(self, key: str | None) -> bool:
        """Whether `key` may call the Durable management API."""
        return _among(key, self.durable_task, self.master)

    def opens_blob_events(self, key: str | None) -> bool:
        """Whether `key` may tell of new blobs."""
        return _among(key, self.blobs_extension, self.master)


def _among(key: str | None, *accepted: str) -> bool:
    return key is not None and any(
        secrets.compare_digest(key.encode("utf-8", "surrogateescape"), one.encode()) for one in accepted
    )


def load_keys(path: Path) -> Keys:
    """The keys in `path`, made on first use. Raises HostFileError when the file lacks one of the first three."""
    content = read_json(path) if path.exists() else {name: _new() for name in ("master", "default", "durable_task")}
    if "blobs_extension" not in content:  # as in a file of before this key
        content["blobs_extension"] = _new()
        _write(path, content)
    try:
        return Keys(*(str(content[name]) for name in ("master", "default", "durable_task", "blobs_extension")))
    except KeyError as error:
        raise HostFileError(f"{path}: lacks the key {error}; delete the file and new keys are made") from error


def _new() -> str:
    return secrets.token_urlsafe(32)


def _write(path: Path, content: object) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
    draft.replace(path)
