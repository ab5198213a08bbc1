"""Resource files into a task's working directory and output files out of it."""

import asyncio
import glob
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

from local.batch_service.records import Failure
from local.batch_service.specs import OutputFile, ResourceFile

_TIMEOUT_SECONDS = 60
_WILDCARDS = frozenset("*?[")


class TransferError(Exception):
    """A file could not be fetched or stored; `failure` is what the task reports."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message)


async def download(files: tuple[ResourceFile, ...], working_directory: Path) -> None:
    """Raises TransferError at the first file that cannot be had."""
    for file in files:
        target = (working_directory / file.file_path).resolve()
        if not target.is_relative_to(working_directory.resolve()):
            raise TransferError("InvalidResourceFile", f"filePath {file.file_path!r} leaves the working directory")
        target.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(_get, file.http_url, file.file_path, target)
        if file.file_mode:
            target.chmod(int(file.file_mode, 8))


async def upload(files: tuple[OutputFile, ...], working_directory: Path, *, failed: bool) -> None:
    """Uploads what the conditions ask for after a task that failed or succeeded. Raises TransferError."""
    skipped = "tasksuccess" if failed else "taskfailure"
    for file in files:
        if file.upload_options.upload_condition == skipped:
            continue
        for found in sorted(glob.glob(os.path.join(working_directory, file.file_pattern), recursive=True)):
            if os.path.isfile(found):
                name = _blob_name(file, os.path.relpath(found, working_directory))
                await asyncio.to_thread(_put, file.destination.container.container_url, name, Path(found))


def _blob_name(file: OutputFile, relative: str) -> str:
    """With wildcards `path` is a folder, without it is the blob's whole name, as Batch documents."""
    path, relative = file.destination.container.path, relative.replace("../", "")
    if _WILDCARDS.isdisjoint(file.file_pattern):
        return path or relative
    return f"{path.rstrip('/')}/{relative}" if path else relative


def _get(url: str, name: str, target: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer, open(target, "wb") as file:
            shutil.copyfileobj(answer, file)
    except urllib.error.HTTPError as error:
        code = "BlobNotFound" if error.code == 404 else "BlobAccessDenied"
        raise TransferError(code, f"resource file {name!r}: {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        raise TransferError("BlobDownloadMiscError", f"resource file {name!r}: {type(error).__name__}") from error


def _put(container_url: str, name: str, source: Path) -> None:
    base, _, signature = container_url.partition("?")
    url = f"{base}/{quote(name)}" + (f"?{signature}" if signature else "")
    headers = {"x-ms-blob-type": "BlockBlob", "Content-Length": str(source.stat().st_size)}
    try:
        with open(source, "rb") as file:
            request = urllib.request.Request(url, data=file, method="PUT", headers=headers)
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):
                return
    except (OSError, ValueError) as error:
        status = getattr(error, "code", type(error).__name__)  # never the URL: it carries the signature
        raise TransferError("FileUploadMiscError", f"output file {name!r}: {status}") from error
