"""Files of tasks and nodes: listed, described, read, deleted."""

import mimetypes
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from local.batch_service.errors import BadRequest, Conflict, NotFound
from local.batch_service.timestamps import iso
from local.batch_service.views import View
from local.batch_service.wire import answer, engine, list_page

_BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True)
class _Folder:
    """Where a task's or a node's files lie, and their URL."""

    path: Path
    url: str

    def file(self, name: str) -> Path:
        """Raises NotFound for what is not a file below the folder."""
        path = (self.path / name).resolve()
        if not path.is_relative_to(self.path.resolve()) or not path.is_file():
            raise NotFound("FileNotFound", f"The specified file {name!r} does not exist.")
        return path


@dataclass(frozen=True)
class _Entry:
    ordinal: int
    view: View


def _folder(request: web.Request) -> _Folder:
    account, names = engine(request), request.match_info
    if "node" in names:
        node = account.state.node(names["pool"], names["node"])
        return _Folder(account.node_folder(node), f"{account.url}/pools/{node.pool.id}/nodes/{node.id}/files")
    task = account.state.task(names["job"], names["task"])
    path = account.task_folder(task)
    if path is None:
        raise NotFound("TaskFilesUnavailable", "The task has not started: it has no files yet.")
    if not path.exists():
        raise Conflict("TaskFilesCleanedup", "The files of the task are gone, with its node or by a restart.")
    return _Folder(path, f"{account.url}/jobs/{task.job.id}/tasks/{task.id}/files")


async def list_files(request: web.Request) -> web.Response:
    folder = _folder(request)
    recursive = request.query.get("recursive") == "true"
    paths = sorted(folder.path.rglob("*") if recursive else folder.path.iterdir())
    entries = [_Entry(number, _view(folder, path)) for number, path in enumerate(paths)]
    return list_page(request, entries, lambda entry: entry.view, "files")


def _view(folder: _Folder, path: Path) -> View:
    name = str(path.relative_to(folder.path))
    view: View = {"name": name, "url": f"{folder.url}/{quote(name)}", "isDirectory": path.is_dir()}
    if path.is_dir():
        return view
    status = path.stat()
    properties = {
        "lastModified": iso(status.st_mtime),
        "contentLength": str(status.st_size),
        "contentType": mimetypes.guess_type(name)[0] or "application/octet-stream",
        "fileMode": oct(status.st_mode),
    }
    return view | {"properties": properties}


async def get_file(request: web.Request) -> web.StreamResponse:
    """The content, or the range `ocp-range` asks for. Batch answers 200 to both; HEAD gives the properties."""
    folder, name = _folder(request), request.match_info["file"]
    path = folder.file(name)
    status = path.stat()
    first, last = _range(request, status.st_size)
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/octet-stream",
            "Last-Modified": formatdate(status.st_mtime, usegmt=True),
            "ETag": f'"0x8D{status.st_mtime_ns:X}"',
            "ocp-creation-time": formatdate(status.st_ctime, usegmt=True),
            "ocp-batch-file-isdirectory": "False",
            "ocp-batch-file-mode": oct(status.st_mode),
            "ocp-batch-file-url": quote(f"{folder.url}/{name}", safe=""),
        }
    )
    response.content_length = last - first + 1
    await response.prepare(request)
    if request.method != "HEAD":
        await _send(response, path, first, last)
    return response


async def _send(response: web.StreamResponse, path: Path, first: int, last: int) -> None:
    with path.open("rb") as file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (block := file.read(min(left, _BLOCK_BYTES))):
            left -= len(block)
            await response.write(block)


def _range(request: web.Request, size: int) -> tuple[int, int]:
    """First and last byte asked for; the whole file without an ocp-range header."""
    asked = request.headers.get("ocp-range")
    if asked is None:
        return 0, size - 1
    start, _, end = asked.removeprefix("bytes=").partition("-")
    if not start.isdigit() or (end and not end.isdigit()) or int(start) >= max(size, 1):
        raise BadRequest("InvalidRange", f"The range {asked!r} does not fit a file of {size} bytes.", status=416)
    return int(start), min(size - 1, int(end) if end else size - 1)


async def delete_file(request: web.Request) -> web.Response:
    _folder(request).file(request.match_info["file"]).unlink()
    return answer(request)


routes = [
    route
    for owner in ("/jobs/{job}/tasks/{task}", "/pools/{pool}/nodes/{node}")
    for route in (
        web.get(f"{owner}/files", list_files),
        web.get(f"{owner}/files/{{file:.+}}", get_file),
        web.delete(f"{owner}/files/{{file:.+}}", delete_file),
    )
]
