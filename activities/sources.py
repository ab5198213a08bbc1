"""The user's video as a seekable file: ranged reads, pinned to the version that the job began with."""

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient

from activities.refusal import JobRefused
from activities.storage import data_account
from contracts import layout
from contracts.job import StartInput
from media.ranged import RangedReader


def open_video(start: StartInput) -> RangedReader:
    """The job's video. Every read fails with JobRefused if the blob was replaced or deleted since the job began."""
    blob = data_account().container(layout.VIDEOS).get_blob_client(start.video[0])
    return RangedReader(lambda offset, length: _read(blob, start, offset, length), start.video_bytes)


def _read(blob: BlobClient, start: StartInput, offset: int, length: int) -> bytes:
    try:
        return blob.download_blob(
            offset, length, etag=start.video[1], match_condition=MatchConditions.IfNotModified
        ).readall()
    except HttpResponseError as error:
        if error.status_code in (404, 412):
            changed = "deleted" if error.status_code == 404 else "replaced"
            raise JobRefused(
                f"video {start.video[0]!r} was {changed} while job {start.job} ran; submit it again"
            ) from None
        raise
