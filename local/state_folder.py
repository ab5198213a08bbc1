"""The state folder: one stack at a time, and what it remembers from run to run."""

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.errors import StateFolderError


class StateFolder:
    """Everything below `path` belongs to one local stack. Raises StateFolderError when another one runs on it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)  # it may have been there: the logs, which begin earlier, make it too
            self.logs.mkdir(exist_ok=True)
        except OSError as error:
            raise StateFolderError(f"--state {path}: cannot be made: {error.strerror}; name another folder") from error
        self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._lock, 32, 0).decode() or "unknown"
            os.close(self._lock)
            message = f"another local stack (process {holder}) runs on {self.path}: stop it, or give another --state"
            raise StateFolderError(message) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def endpoints(self) -> Path:
        """Where clients on this machine find the running stack."""
        return self.path / "endpoints.json"

    def read(self, name: str) -> dict[str, Any]:
        """A remembered JSON object; {} before the first run. Raises StateFolderError for a damaged file."""
        path = self.path / name
        if not path.exists():
            return {}
        try:
            return dict(json.loads(path.read_text()))
        except ValueError as error:
            raise StateFolderError(f"{path} is damaged ({error}): delete it") from error

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Replaces a JSON file at once; only its owner may read it."""
        draft = self.path / f"{name}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(dict(content), file, indent=2)
        draft.replace(self.path / name)

    def account_keys(self, names: tuple[str, ...]) -> dict[str, str]:
        """A key per storage account, made once."""
        known = self.read("storage-keys.json")
        keys = {name: known.get(name) or base64.b64encode(secrets.token_bytes(64)).decode() for name in names}
        if keys != known:
            self.write("storage-keys.json", keys)
        return keys

    def close(self) -> None:
        self.endpoints.unlink(missing_ok=True)
        os.close(self._lock)
