"""The app with the settings that infra/ emits, on the local stack's Azurite, Batch service and identity endpoint."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from local.identity.certificate import Certificate
from local.identity_access import PORTS
from local.ports import choose_ports
from local.state_folder import StateFolder
from tests.end_to_end.local_stack import OVER, ROOT, wait_for
from tests.identity.ingestion import Ingestion
from tests.infra.deployments import events

# Azurite's names for the accounts; Azure's are of the deployment.
ACCOUNTS = {"AzureWebJobsStorage": "devstoreaccount1", "DATA_STORAGE": "data", "SYSTEM_STORAGE": "system"}
_SERVICES = ("functions", "blob", "queue", "table", "batch", "insights", *PORTS)
_STORAGE = re.compile(r"https://\w+\.(blob|queue|table)\.core\.windows\.net(?=/|$)")
_BATCH = re.compile(r"https://\w+\.\w+\.batch\.azure\.com(?=/|$)")
_INSIGHTS = re.compile(r"https://[\w.-]+\.(?:applicationinsights\.azure|livediagnostics\.monitor\.azure)\.com(?=/)")
_OF_AZURE = ("AZURE_", "BATCH_", "DATA_STORAGE", "SYSTEM_STORAGE", "AzureWebJobs", "IDENTITY_", "MSI_")


def at_home(emitted: dict[str, str], ports: dict[str, int]) -> dict[str, str]:
    """The settings as emitted, but with the addresses of this machine."""
    return {name: _moved(name.partition("__")[0], value, ports) for name, value in emitted.items()}


def _moved(connection: str, value: str, ports: dict[str, int]) -> str:
    if _BATCH.match(value):
        return _BATCH.sub(f"https://127.0.0.1:{ports['batch']}", value)
    if _INSIGHTS.search(value):
        return _INSIGHTS.sub(f"https://127.0.0.1:{ports['insights']}", value)
    return _STORAGE.sub(lambda found: f"https://127.0.0.1:{ports[found[1]]}/{ACCOUNTS[connection]}", value)


def without_azure(environment: dict[str, str]) -> dict[str, str]:
    """Without whatever this machine says of Azure."""
    return {name: value for name, value in environment.items() if not name.startswith(_OF_AZURE)}


class DeployedStack:
    """`settings` are the app's; `identity` is the environment of a program that shall be the app's identity."""

    def __init__(self, state: Path, emitted: dict[str, str]) -> None:
        self.state = state
        folder = StateFolder(state)
        ports = choose_ports(dict.fromkeys(_SERVICES, 0), {})
        folder.write("ports.json", ports)
        folder.close()
        self.settings, self._insights = at_home(emitted, ports), ports["insights"]

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "local", "up", "--identity", "--require-keys", "--nodes", "1", "--port", "0"]
        command += ["--state", str(self.state)]
        for name, value in self.settings.items():
            command += ["--set", f"{name}={value}"]
        with (self.state / "up.log").open("a") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                # Azure's exporter reports on itself too, to an address of its own.
                env=without_azure(dict(os.environ)) | {"APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        if not self._process.stdout.readline().startswith("Atelier is up"):
            raise AssertionError(f"the stack did not start: {self.log[-4000:]}")
        self.endpoints: dict[str, str] = json.loads((self.state / "endpoints.json").read_text())
        self.url, self.key = self.endpoints["functions"], self.endpoints["key"]
        lines = (self.state / "identity.env").read_text().splitlines()
        folder = self.state / "identity"
        certificate = Certificate(folder / "certificate.pem", folder / "key.pem", folder / "trusted.pem")
        self.insights = Ingestion(certificate, self._insights).__enter__()
        self.identity = dict(shlex.split(line)[0].split("=", 1) for line in lines)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self.insights.__exit__(kind, error, at)

    @property
    def log(self) -> str:
        return (self.state / "up.log").read_text()

    def get(self, path: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.url}{path}", headers={"x-functions-key": self.key}, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait_for_job_of(self, video: str) -> dict[str, Any]:
        """The job of an upload, once it is over."""

        def look() -> dict[str, Any] | None:
            jobs = [
                one["job"] for one in self.get("/api/jobs")["jobs"] if (one["customStatus"] or {}).get("video") == video
            ]
            state = self.get(f"/api/jobs/{jobs[0]}") if jobs else None
            return state | {"job": jobs[0]} if state and state["runtimeStatus"] in OVER else None

        return wait_for(look, 60)

    def tell(self, container: str, blob: str, url: str, etag: str) -> int:
        """What Event Grid does for a new blob, by the subscription that infra/ deploys; the answer's status."""
        said = events().one("Microsoft.EventGrid/systemTopics/eventSubscriptions").body["properties"]
        subject = f"/blobServices/default/containers/{container}/blobs/{blob}"
        assert subject.startswith(said["filter"]["subjectBeginsWith"])
        key = json.loads((self.state / "functions" / "keys.json").read_text())["blobs_extension"]
        endpoint = re.sub(r"^https://[^/]+", self.url, said["destination"]["properties"]["endpointUrl"])
        endpoint = re.sub(r"code=.*", f"code={key}", endpoint)
        data = {"url": url, "eTag": etag.strip('"')}
        event = {"eventType": said["filter"]["includedEventTypes"][0], "subject": subject, "data": data}
        headers = {"aeg-event-type": "Notification"}
        return httpx.post(endpoint, json=[event], headers=headers, timeout=30).status_code
