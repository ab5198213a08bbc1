"""What the app's own code reaches: real storage, a real Batch service, settings; and a job as a door would pin it."""

import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from activities import batch, storage
from activities import settings as app_settings
from contracts import layout
from contracts.job import JobRequest, StartInput
from local.batch_service import PoolSettings
from tests.azurite import Azurite
from tests.local.batch_service.local_batch import LocalBatch

POOL = "atelier"


@contextmanager
def services(azurite: Azurite, folder: Path, monkeypatch: pytest.MonkeyPatch, **more: str) -> Iterator[LocalBatch]:
    """The app's environment: one Azurite for both accounts, a Batch service of one node with two slots."""
    with LocalBatch(folder, pools=(PoolSettings(POOL, dedicated_nodes=1, slots_per_node=2),)) as service:
        environment = {
            "DATA_STORAGE": azurite.connection_string,
            "SYSTEM_STORAGE": azurite.connection_string,
            "BATCH_ENDPOINT": service.service.url,
            "BATCH_ACCOUNT_NAME": service.service.account_name,
            "BATCH_ACCOUNT_KEY": service.service.account_key,
            "BATCH_POOL_ID": POOL,
            "BATCH_TASK_COMMAND": f"{sys.executable} -c 'import time; time.sleep(60)'",
            "POOL_SLOTS_PER_NODE": "2",
            "NODE_PRICE_PER_HOUR": "7200",
        }
        for name, value in (environment | more).items():
            monkeypatch.setenv(name, value)
        _forget()
        _make_containers(azurite)
        yield service
        _forget()


@contextmanager
def accounts_only(azurite: Azurite, monkeypatch: pytest.MonkeyPatch, **more: str) -> Iterator[None]:
    """The app's environment without a Batch service."""
    environment = {
        "DATA_STORAGE": azurite.connection_string,
        "SYSTEM_STORAGE": azurite.connection_string,
        "BATCH_ENDPOINT": "http://127.0.0.1:1",
    }
    for name, value in (environment | more).items():
        monkeypatch.setenv(name, value)
    _forget()
    _make_containers(azurite)
    yield
    _forget()


def job_of(request: pytest.FixtureRequest) -> str:
    """A job id that no other test uses."""
    return f"clip-{zlib.crc32(request.node.nodeid.encode())}"


def start_of(job: str, **changes: object) -> StartInput:
    made = StartInput(
        job=job, request=JobRequest(video=f"x/{job}.mp4", scorer="identity"), video_etag="0x1", video_bytes=1
    )
    return made.model_copy(update=changes)


def write_start(start: StartInput) -> None:
    storage.system_account().write_json(layout.JOBS, layout.start_blob(start.job), start)


def write(container: str, *names: str) -> None:
    for name in names:
        storage.system_account().write_text(container, name, "{}")


def names(container: str, prefix: str) -> list[str]:
    return list(storage.system_account().container(container).list_blob_names(name_starts_with=prefix))


def _make_containers(azurite: Azurite) -> None:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        for name in (
            layout.JOBS,
            layout.LOGS,
            layout.VIDEOS,
            layout.OUTPUTS,
            layout.STYLES,
            layout.MODELS,
            layout.DEADLETTER,
        ):
            if not service.get_container_client(name).exists():
                service.create_container(name)


def _forget() -> None:
    for known in (storage.system_account, storage.data_account, app_settings.settings, batch.client):
        known.cache_clear()
