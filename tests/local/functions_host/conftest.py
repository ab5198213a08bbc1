"""Azurite for a test session, and a host on the test app."""

import shutil
import signal
from collections.abc import Iterator

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from tests.local.functions_host.running_host import REPOSITORY, Child, RunningHost, start_host

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A connection string to an Azurite of this test session."""
    program = REPOSITORY / "node_modules" / ".bin" / "azurite"
    if not program.exists() or shutil.which("node") is None:
        pytest.skip("Azurite is not installed: npm ci")
    folder = tmp_path_factory.mktemp("azurite")
    ports = ["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"]
    child = Child([str(program), "--location", str(folder), "--skipApiVersionCheck", "--loose", *ports])
    try:
        blob, queue, table = (
            child.find(rf"Azurite {one} service is successfully listening at (http://\S+)")
            for one in ("Blob", "Queue", "Table")
        )
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={blob}/{ACCOUNT};"
            f"QueueEndpoint={queue}/{ACCOUNT};TableEndpoint={table}/{ACCOUNT};"
        )
    finally:
        child.end(signal.SIGKILL)  # at SIGTERM it waits for its clients; nothing of this folder is needed again


@pytest.fixture(scope="session")
def blobs(azurite: str) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(azurite) as client:
        for name in ("videos", "notes", "told"):
            client.create_container(name)
        yield client


@pytest.fixture(scope="session")
def queues(azurite: str) -> Iterator[QueueServiceClient]:
    with QueueServiceClient.from_connection_string(azurite) as client:
        for name in ("work", "approvals", "work-poison", "results"):
            client.create_queue(name)
        yield client


@pytest.fixture(scope="session")
def host(
    azurite: str, blobs: BlobServiceClient, queues: QueueServiceClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningHost]:
    """One host for all tests that neither stop it nor need other settings."""
    running = start_host(tmp_path_factory.mktemp("host") / "state", azurite)
    yield running
    running.end()
