"""The local stack's `--identity`: certificate, identity endpoint and queues, started before the app and told to it."""

import shlex
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from local.azurite import AzuriteSettings
from local.identity.certificate import Certificate, make_certificate
from local.identity.delegated_queues import DelegatedQueues
from local.identity.endpoint import IdentityEndpoint
from local.state_folder import StateFolder

# Besides the ports of a stack by keys: Azurite's own queue service is behind the one that clients see.
PORTS = {"identity": 10103, "azurite-queue": 10003}
CLIENT_ID = "00000000-0000-4000-8000-0000000c11e7"
_FILE = "identity.env"


class IdentityAccess:
    """Entered into `running`, which ends it; `trust` and `environment` are variables of processes that use it."""

    certificate: Certificate

    def __init__(self, folder: StateFolder, client_id: str, running: AsyncExitStack) -> None:
        self._folder, self._running, self.client_id = folder, running, client_id
        self.certificate = make_certificate(folder.path / "identity")

    @property
    def trust(self) -> dict[str, str]:
        return self.certificate.trust()

    @property
    def environment(self) -> dict[str, str]:
        """What a program on this machine needs to be the app's identity."""
        return self._endpoint.environment | self.trust | {"AZURE_CLIENT_ID": self.client_id}

    async def start(self, azurite: AzuriteSettings, ports: Mapping[str, int]) -> None:
        """Raises OSError when a port is taken."""
        self._queues = DelegatedQueues(azurite.url("queue"), azurite.keys, self.certificate, ports["queue"])
        self._endpoint = IdentityEndpoint(self.client_id, ports["identity"])
        for server in (self._queues, self._endpoint):
            await server.start()
            self._running.push_async_callback(server.close)
        self.services = {one: azurite.url(one) for one in ("blob", "table")} | {"queue": self._queues.url}
        self._write()

    def _write(self) -> None:
        """A file for a shell to read: set -a; . .local/identity.env."""
        path = self._folder.path / _FILE
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in self.environment.items()))
        self._running.callback(Path.unlink, path, missing_ok=True)
