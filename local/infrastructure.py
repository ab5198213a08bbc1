"""What a deployment finds in the storage accounts before the app starts; infra/ makes the same in Azure."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

HOST_ACCOUNT = "devstoreaccount1"
ACCOUNTS = (HOST_ACCOUNT, "data", "system")
CONTAINERS = {
    "data": ("videos", "styles", "images", "outputs"),
    "system": ("jobs", "models", "logs", "deadletter"),
}
QUEUES = {"system": ("gpu-tasks", "gpu-results", "gpu-tasks-poison", "gpu-results-poison")}


async def deploy(connection_strings: Mapping[str, str], trusted: Path | None = None) -> None:
    """Makes the containers and queues that do not exist; `connection_strings` are by account.

    `trusted` are the certificates to accept, where the storage speaks HTTPS with one of its own.
    """
    options: dict[str, Any] = {"connection_verify": str(trusted)} if trusted else {}
    await asyncio.gather(
        *(_containers(connection_strings[account], names, options) for account, names in CONTAINERS.items()),
        *(_queues(connection_strings[account], names, options) for account, names in QUEUES.items()),
    )


async def _containers(connection_string: str, names: tuple[str, ...], options: Mapping[str, Any]) -> None:
    async with BlobServiceClient.from_connection_string(connection_string, **options) as service:
        for name in names:
            try:
                await service.create_container(name)
            except ResourceExistsError:
                continue


async def _queues(connection_string: str, names: tuple[str, ...], options: Mapping[str, Any]) -> None:
    async with QueueServiceClient.from_connection_string(connection_string, **options) as service:
        for name in names:
            try:
                await service.create_queue(name)
            except ResourceExistsError:
                continue
