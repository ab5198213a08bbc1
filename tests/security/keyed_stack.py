"""A local stack whose doors ask for keys, as in Azure."""

import json
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.local_stack import LocalStack


class KeyedStack(LocalStack):
    """`keys` are the host's: master, default (functions), durable_task (management API)."""

    def __init__(self, state: Path, **options: Any) -> None:
        super().__init__(state, **options)
        self._command.append("--require-keys")

    def start(self) -> None:
        super().start()
        self.keys: dict[str, str] = json.loads((self.state / "functions" / "keys.json").read_text())

    def call(self, method: str, path: str, key: str | None = None, **options: Any) -> httpx.Response:
        """`path` as it is written: httpx leaves its percent-encoding alone."""
        headers = {} if key is None else {"x-functions-key": key}
        return httpx.request(method, f"{self.url}{path}", headers=headers, timeout=30, **options)

    def post(self, **request: Any) -> httpx.Response:
        return self.call("POST", "/api/jobs", self.keys["default"], json=request)

    def job(self, job: str) -> dict[str, Any]:
        answer = self.call("GET", f"/api/jobs/{job}", self.keys["default"])
        assert answer.status_code == 200, answer.text
        return answer.json()

    def jobs(self) -> list[dict[str, Any]]:
        return self.call("GET", "/api/jobs", self.keys["default"]).json()["jobs"]
