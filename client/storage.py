"""The data account: videos and style images up, results down."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.storage.blob import BlobServiceClient, ContentSettings, ExponentialRetry

from client.connection import START_HINT, Connection
from client.errors import InvalidInput, NotAllowed, StorageError, Unreachable

# 8 MiB blocks: progress moves often, and 50,000 of them (the service's limit) hold 390 GiB.
BLOCK_BYTES = 8 * 2**20

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Digests:
    """Of a file as it was at `modified` (nanoseconds)."""

    md5: bytes
    sha256: str
    size: int
    modified: int


class DataStorage:
    """Opened lazily by connection string, or by account URL with whatever Azure credential this machine has."""

    def __init__(self, connection: Connection) -> None:
        if connection.storage is None:
            raise InvalidInput(
                START_HINT if connection.is_local else "give the app's data storage with --storage or ATELIER_STORAGE"
            )
        self._service = _service(connection.storage)

    def holds(self, container: str, blob: str, digests: Digests) -> bool:
        """Whether a blob of that name and content is there already."""
        with self._errors(), self._service.get_blob_client(container, blob) as client:
            if not client.exists():
                return False
            properties = client.get_blob_properties()
        md5 = properties.content_settings.content_md5
        return md5 is not None and bytes(md5) == digests.md5 and properties.size == digests.size

    def upload(
        self, path: Path, digests: Digests, container: str, blob: str, metadata: dict[str, str], progress: Progress
    ) -> None:
        """Upload `path`, whose content `digests` tells.

        Raises:
            StorageError: the file changed since it was digested, or the service refused.
        """
        settings = ContentSettings(content_md5=bytearray(digests.md5))
        with self._errors(), self._service.get_blob_client(container, blob) as client, path.open("rb") as file:
            client.upload_blob(
                file,
                length=digests.size,
                overwrite=True,
                metadata=metadata,
                content_settings=settings,
                max_concurrency=4,
                progress_hook=progress,
            )
        now = path.stat()
        if (now.st_size, now.st_mtime_ns) != (digests.size, digests.modified):
            raise StorageError(f"{path} changed while it was uploaded; submit it again when it is complete")

    def names(self, container: str, prefix: str) -> list[str]:
        with self._errors():
            return list(self._service.get_container_client(container).list_blob_names(name_starts_with=prefix))

    def download(self, container: str, blob: str, path: Path, sha256: str | None, progress: Progress) -> None:
        """Download to `path`, which is never seen half written; `sha256` (hex) is checked where it is known.

        A file that is there already with that hash is kept as it is.

        Raises:
            StorageError: the blob is gone, or its content is not what the job published.
        """
        if sha256 is not None and path.is_file() and digest_file(path).sha256 == sha256:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        with self._errors(), self._service.get_blob_client(container, blob) as client, part.open("wb") as file:
            client.download_blob(max_concurrency=4, progress_hook=progress).readinto(file)
        if sha256 is not None and (found := digest_file(part).sha256) != sha256:
            part.unlink()
            raise StorageError(f"{container}/{blob} has SHA-256 {found}, but the job published {sha256}")
        os.replace(part, path)

    def close(self) -> None:
        self._service.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """The SDK's errors in one line each. Their own text may hold a URL with a SAS, so only codes are told."""
        account = self._service.account_name
        try:
            yield
        except ClientAuthenticationError as error:
            raise NotAllowed(f"storage account {account!r} refuses this identity or key; check --storage") from error
        except HttpResponseError as error:
            code = getattr(error, "error_code", None) or error.reason
            if error.status_code == 403:
                raise NotAllowed(f"storage account {account!r} refuses this identity: {code}") from error
            raise StorageError(f"storage account {account!r} answered {error.status_code} {code}") from error
        except AzureError as error:
            host = urlsplit(self._service.url).netloc
            raise Unreachable(f"the storage at {host} does not answer ({type(error).__name__})") from error


def digest_file(path: Path) -> Digests:
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    size, modified = 0, path.stat().st_mtime_ns
    with path.open("rb") as file:
        while block := file.read(2**20):
            md5.update(block)
            sha256.update(block)
            size += len(block)
    return Digests(md5.digest(), sha256.hexdigest(), size, modified)


def _service(storage: str) -> BlobServiceClient:
    arguments = {
        # Seconds: 1, 3, 7. The default of 15 and more leaves a user in the dark for a minute.
        "retry_policy": ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=3),
        "max_block_size": BLOCK_BYTES,
        "max_single_put_size": BLOCK_BYTES,
        "max_chunk_get_size": BLOCK_BYTES,
        "max_single_get_size": BLOCK_BYTES,
    }
    if not storage.startswith(("http://", "https://")):
        try:
            return BlobServiceClient.from_connection_string(storage, **arguments)
        except ValueError as error:
            raise InvalidInput("--storage: neither a connection string nor an account URL") from error
    if "sig=" in urlsplit(storage).query:
        return BlobServiceClient(storage, **arguments)
    return BlobServiceClient(storage, credential=_SignedIn(), **arguments)


class _SignedIn:
    """Whatever Azure credential this machine has. That none works is said at once: storage's client would try again."""

    def __init__(self) -> None:
        from azure.identity import DefaultAzureCredential  # half a second, and only clouds need it

        self._credential = DefaultAzureCredential()

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        try:
            return self._credential.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            hint = "run az login, or give --storage a connection string"
            raise NotAllowed(f"no Azure credential of this machine works; {hint}") from error
