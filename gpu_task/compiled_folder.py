"""Where a node keeps compiled networks, and how one is kept: whole, checked, made by one process while others wait.

A package is native code. It is made on the node that runs it, or comes with the node's image; it never goes through
storage, and a folder in which somebody else could write is refused.

Errors:
    CompiledFolderError     the folder is not this user's alone, or cannot be written
"""

import fcntl
import hashlib
import logging
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gpu_task.failures import HopelessError

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "ATELIER_COMPILED"
# Batch gives a node's tasks one folder that lasts as long as the node.
NODE_VARIABLE = "AZ_BATCH_NODE_SHARED_DIR"
ROOT_USER = 0


class CompiledFolderError(HopelessError):
    """The folder for compiled networks cannot be used."""


def compiled_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """ATELIER_COMPILED; else one of this user's in the folder that a node's tasks share; else in the user's cache."""
    if named := environment.get(FOLDER_VARIABLE):
        return Path(named)
    if shared := environment.get(NODE_VARIABLE):
        return Path(shared) / f"atelier-compiled-{os.getuid()}"
    cache = environment.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "atelier" / "compiled"


def open_folder(path: Path) -> Path:
    """The folder, made if need be.

    Raises:
        CompiledFolderError: it cannot be made, or others than this user and root can write in it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = path.stat()
    except OSError as error:
        raise CompiledFolderError(
            f"{path}: no folder for compiled networks ({error}); set {FOLDER_VARIABLE}"
        ) from error
    if about.st_uid not in (os.getuid(), ROOT_USER) or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise CompiledFolderError(
            f"{path}: belongs to user {about.st_uid}, mode {stat.filemode(about.st_mode)}; compiled networks are native"
            f" code and must not be written by others: make it 0700 for user {os.getuid()}, or set {FOLDER_VARIABLE}"
        )
    return path


def whole(path: Path) -> bool:
    """Whether the package is there, all of it, as it was written."""
    try:
        return _digest_path(path).read_text() == _digest(path)
    except OSError:
        return False


def find_or_make(path: Path, make: Callable[[Path], None]) -> bool:
    """Has `make` write the package to a path that it is given, unless it is there whole; whether that was so. Of the
    node's processes one makes it, the others wait.

    Raises:
        CompiledFolderError: it is not there, and the folder cannot be written.
        Whatever `make` raises.
    """
    if whole(path):
        return True
    with _locked(path):
        if whole(path):
            return True
        draft = path.with_name(f"{path.stem}.draft-{os.getpid()}{path.suffix}")
        try:
            make(draft)
            digest = _digest(draft)
            draft.replace(path)
            _digest_path(path).write_text(digest)  # last: without it the package counts as half-written
        finally:
            draft.unlink(missing_ok=True)
    return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The lock goes with the process that holds it, however that ends."""
    try:
        file = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise CompiledFolderError(
            f"{path.parent}: {path.name} is not there and cannot be made ({error}); compile that size ahead with "
            f"`python -m gpu_task compile`, or let {FOLDER_VARIABLE} name a folder that can be written"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("another process of this node is compiling %s; waiting for it", path.name)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_path(path: Path) -> Path:
    return path.with_suffix(".sha256")
