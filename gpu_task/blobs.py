"""Blobs behind SAS URLs: ranged reads of a source that must not change, and uploads that never overwrite.

Retries of lost connections and busy servers are the SDK's. No URL given to these functions is ever put in an error:
messages name the blob, without its query.

Errors:
    BlobError
        SourceChangedError      the source is no longer the one that the job began with
        BlobTooLargeError       larger than whoever asked for it allows
        BlobExistsError         create-only upload of a blob that is there
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobClient, ContentSettings

from contracts.task_spec import SourceRef
from gpu_task.failures import HopelessError
from gpu_task.transport import transport

# What one Put Blob takes since service version 2019-12-12.
MAX_PUT_BYTES = 5_000 * 1024 * 1024
# A blob has at most 50,000 blocks: 390 GiB. A block is sent again whole where a connection is lost, and held in memory.
BLOCK_BYTES, UPLOADS_AT_ONCE = 8 * 1024 * 1024, 4


class BlobError(Exception):
    """Base of what goes wrong with blobs here."""


class SourceChangedError(BlobError, HopelessError):
    pass


class BlobTooLargeError(BlobError, HopelessError):
    pass


class BlobExistsError(BlobError):
    pass


def label(url: str) -> str:
    """The blob's address without its SAS: fit for a message."""
    return url.split("?", 1)[0]


def range_reader(source: SourceRef) -> Callable[[int, int], bytes]:
    """Reads (offset, length) of `source`; every read fails once it was overwritten.

    Raises (when called):
        SourceChangedError: its etag is not `source.etag` any more.
    """
    client = BlobClient.from_blob_url(source.url, transport=transport())

    def read_range(offset: int, length: int) -> bytes:
        try:
            stream = client.download_blob(
                offset, length, etag=source.etag, match_condition=MatchConditions.IfNotModified, max_concurrency=1
            )
            return stream.readall()
        except (ResourceModifiedError, ResourceNotFoundError) as error:
            raise SourceChangedError(
                f"{label(source.url)} was changed or removed since the job began (its etag was {source.etag}); "
                "start a new job"
            ) from error

    return read_range


def download(url: str, limit: int) -> bytes:
    """A whole blob of at most `limit` bytes.

    Raises:
        BlobTooLargeError: it is larger, found out after the first of its blocks.
    """
    stream = BlobClient.from_blob_url(url, transport=transport()).download_blob()
    if stream.size > limit:
        raise BlobTooLargeError(f"{label(url)} has {stream.size:,} bytes; at most {limit:,} are allowed")
    return stream.readall()


def pieces(url: str) -> Iterator[bytes]:
    """A whole blob, a few megabytes at a time.

    Raises (while it is read):
        azure.core.exceptions.ResourceNotFoundError: there is none.
    """
    yield from BlobClient.from_blob_url(url, transport=transport()).download_blob().chunks()


def download_source(source: SourceRef, limit: int) -> bytes:
    """All of a small `source`, unchanged since the job began.

    Raises:
        BlobTooLargeError, SourceChangedError
    """
    if source.size > limit:
        raise BlobTooLargeError(f"{label(source.url)} has {source.size:,} bytes; at most {limit:,} are allowed")
    return range_reader(source)(0, source.size)


def metadata(url: str) -> Mapping[str, str] | None:
    """The blob's metadata, with its size under `bytes`; None if there is no such blob."""
    try:
        properties = BlobClient.from_blob_url(url, transport=transport()).get_blob_properties()
    except ResourceNotFoundError:
        return None
    return {**properties.metadata, "bytes": str(properties.size)}


def create(url: str, path: Path, content_type: str, values: Mapping[str, str]) -> None:
    """Uploads a file as a new blob with `values` as its metadata; large ones, too, in one request.

    In one request, because putting blocks together takes `w` (Azurite, and Azure's table of permissions), and the SAS
    may only create.

    Raises:
        BlobExistsError: there is one already; it is left as it was (`If-None-Match: *`).
    """
    _create(
        BlobClient.from_blob_url(url, max_single_put_size=MAX_PUT_BYTES, transport=transport()),
        path,
        content_type,
        values,
    )


def create_in_blocks(url: str, path: Path, content_type: str, values: Mapping[str, str]) -> None:
    """As `create`, for files of any size: the blob appears once its last block is there. The SAS needs `w`.

    Raises:
        BlobExistsError
    """
    _create(
        BlobClient.from_blob_url(url, max_block_size=BLOCK_BYTES, transport=transport()),
        path,
        content_type,
        values,
        UPLOADS_AT_ONCE,
    )


def _create(client: BlobClient, path: Path, content_type: str, values: Mapping[str, str], at_once: int = 1) -> None:
    try:
        with path.open("rb") as file:
            client.upload_blob(
                file,
                length=path.stat().st_size,
                overwrite=False,
                metadata=dict(values),
                content_settings=ContentSettings(content_type=content_type),
                max_concurrency=at_once,
            )
    except HttpResponseError as error:
        # A SAS that may only create gets 403, not 409, where there is a blob already.
        if isinstance(error, ResourceExistsError) or (error.status_code == 403 and metadata(client.url) is not None):
            raise BlobExistsError(f"{label(client.url)} exists; it is never overwritten") from error
        raise


def put(url: str, data: bytes, content_type: str, values: Mapping[str, str] | None = None) -> None:
    """Writes a small blob, over one that may be there."""
    BlobClient.from_blob_url(url, transport=transport()).upload_blob(
        data, overwrite=True, metadata=dict(values or {}), content_settings=ContentSettings(content_type=content_type)
    )
