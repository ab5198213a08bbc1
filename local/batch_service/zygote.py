"""A preloaded Python that forks one process per order: the tasks of a warm node start in milliseconds.

The Batch service runs this file as a script; it imports nothing of the package: python zygote.py <socket> <room>
`socket` is the number of an inherited stream socket, `room` is filler: a child writes its own command line over the
server's, so that whoever looks at /proc finds the task. One JSON object a line, in both directions:

    first     {"preload": [modules], "on_use": [modules], "folder": working folder}
              -> {"ready": null, "failed": {module: why it could not be imported}}
    order     {"id", "words": [python, "-m", module, ...], "folder", "environment", "stdout", "stderr"}
              -> {"id", "pid"}: it runs, as the leader of a session of its own
              -> {"id", "refused": reason}: it cannot be forked just now; start it the usual way
              -> {"id", "stale": path}: a preloaded file has changed; start another server
              -> {"id", "error": reason}: its folder or files cannot be used
    (later)   {"ended": pid, "returned": as subprocess.Popen.returncode}

End of file on the socket: no more orders. The server ends with its last child.

Forking is safe only while this process has one thread, so it counts them before each fork. Modules of `on_use` are
imported once a task has imported them: torch is large, and many tasks do without.
"""

import atexit
import ctypes
import gc
import importlib
import json
import mmap
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import types
from typing import Any, NoReturn

_OWN_THREADS = "/proc/self/task"
# Installed packages change rarely, and looking at each of their some 800 files takes 3 ms: they are looked at this
# often, all others before each fork.
_INSTALLED_LOOK_SECONDS = 1.0
_INSTALLED = (sys.prefix, sys.base_prefix)


class Server:
    """Serves orders until the socket ends; in a child, `serve` returns the child's order."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel, self._buffer, self._ended = channel, b"", False
        self._children: set[int] = set()
        self._deaths, self._wake = os.pipe()
        for end in (self._deaths, self._wake):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        first = self._first()
        self._on_use: list[str] = first["on_use"]
        # Shared with the children: each notes here which of `on_use` it came to import.
        self._used = mmap.mmap(-1, max(1, len(self._on_use)))
        os.chdir(first["folder"])
        sys.path[0] = first["folder"]  # not where this script lies: its neighbours are no modules of a task
        self._began = time.time_ns()
        failed = {module: error for module in first["preload"] if (error := _import(module))}
        self._settle()
        self._say(ready=None, failed=failed)

    def serve(self) -> "dict[str, Any] | None":
        """The order of the child this is, or None at the end of the server."""
        while not self._ended or self._children:
            for order in self._wait():
                if self._fork(order):
                    return order
            self._reap()
            self._import_used()
        return None

    def note_use(self) -> None:
        """In a child that ends: tells the server what it would have had use for."""
        for place, module in enumerate(self._on_use):
            if module in sys.modules and module not in self._loaded:
                self._used[place] = 1

    # -- words -----------------------------------------------------------------------------------------------------

    def _first(self) -> dict[str, Any]:
        lines: list[dict[str, Any]] = []
        while not lines:
            lines = self._wait()
            if self._ended:
                sys.exit(0)
        return lines[0]

    def _wait(self) -> list[dict[str, Any]]:
        """Orders, once there is something to do."""
        readable, _, _ = select.select([self._deaths] if self._ended else [self._deaths, self._channel], [], [])
        if self._deaths in readable:
            os.read(self._deaths, 4096)
        if self._channel not in readable:
            return []
        data = self._channel.recv(1 << 16)
        self._ended = not data
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def _say(self, **words: Any) -> None:
        try:
            self._channel.sendall(json.dumps(words).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            self._ended = True  # the service is gone; its watchdog ends the children

    # -- modules ---------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """What is loaded now stays: the collector of a child need not touch, and so copy, its pages."""
        gc.collect()
        gc.freeze()
        self._loaded = frozenset(sys.modules)
        files = {str(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
        self._files = {file: changed for file in files if (changed := _changed(file)) is not None}
        self._own = {file: changed for file, changed in self._files.items() if not file.startswith(_INSTALLED)}
        self._looked = 0.0  # at the installed ones

    def _stale(self) -> str | None:
        """A preloaded file that was changed, removed, or written while it was being imported."""
        looks_at_all = time.monotonic() - self._looked >= _INSTALLED_LOOK_SECONDS
        if looks_at_all:
            self._looked = time.monotonic()
        for file, before in (self._files if looks_at_all else self._own).items():
            if before >= self._began or _changed(file) != before:
                return file
        return None

    def _import_used(self) -> None:
        used = [module for place, module in enumerate(self._on_use) if self._used[place]]
        if used and not self._stale():
            self._used[:] = bytes(len(self._used))
            for module in used:
                _import(module)
            self._settle()

    # -- children --------------------------------------------------------------------------------------------------

    def _fork(self, order: dict[str, Any]) -> bool:
        """Whether this is the child."""
        number = order["id"]
        if stale := self._stale():
            self._say(id=number, stale=stale)
            return False
        if (threads := len(os.listdir(_OWN_THREADS))) != 1:
            self._say(id=number, refused=f"preloading left {threads} threads")
            return False
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(told)
            self._become(order, tell)
            return True
        os.close(tell)
        with os.fdopen(told, "rb") as pipe:
            error = pipe.read().decode()  # until the child is ready: a group that does not exist yet cannot be killed
        if error:
            os.waitpid(pid, 0)
            self._say(id=number, error=error)
            return False
        self._children.add(pid)
        self._say(id=number, pid=pid)
        return False

    def _become(self, order: dict[str, Any], tell: int) -> None:
        """In the child: what subprocess does between fork and exec, and exec itself."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._channel.close()
            os.close(self._deaths)
            os.close(self._wake)
            os.setsid()
            for number, path, flags in (
                (0, os.devnull, os.O_RDONLY),
                (1, order["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
                (2, order["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            ):
                opened = os.open(path, flags, 0o666)
                os.dup2(opened, number)
                os.close(opened)
            os.chdir(order["folder"])
            _dress(order["words"], order["environment"])
            gc.enable()
        except BaseException as error:  # noqa: BLE001 - the parent must hear of it, whatever it is
            os.write(tell, f"{type(error).__name__}: {error}".encode())
            os._exit(127)
        os.close(tell)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid in self._children:
                self._children.discard(pid)
                self._say(ended=pid, returned=os.waitstatus_to_exitcode(status))


def _import(module: str) -> str | None:
    """Why it could not be imported."""
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - a module may even exit; tasks then import it themselves
        return traceback.format_exception_only(error)[-1].strip()
    return None


def _changed(file: str) -> int | None:
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return None


def _dress(words: list[str], environment: dict[str, str]) -> None:
    """Command line and environment of this process, as if it had been started with them."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    tempfile.tempdir = None  # found anew from TMPDIR
    sys.orig_argv[:] = words
    sys.argv[:] = ["-m", *words[3:]]
    sys.path[0] = os.getcwd()  # what -m puts there
    with open("/proc/self/stat") as file:
        start, end = (int(field) for field in file.read().rpartition(")")[2].split()[45:47])
    shown = b"\0".join(word.encode() for word in words)[: end - start - 1]
    ctypes.memmove(start, shown.ljust(end - start, b"\0"), end - start)


def run(module: str) -> int:
    """Runs the module as `python -m` does; the exit code."""
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        runpy._run_module_as_main(module)  # type: ignore[attr-defined] # what the interpreter itself calls for -m
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return (stop.code or 0) & 0xFF
        print(stop.code, file=sys.stderr)
        return 1
    except BaseException as error:  # noqa: BLE001 - the outermost frame of the task
        trace = error.__traceback__.tb_next if error.__traceback__ else None  # without this function
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        return 1
    return 0


def _finish(server: Server, code: int) -> NoReturn:
    """What the interpreter does at its end that others can see. Freeing half a gigabyte of modules is not."""
    threading._shutdown()  # type: ignore[attr-defined] # joins what is not a daemon
    atexit._run_exitfuncs()
    server.note_use()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    gc.disable()
    server = Server(socket.socket(fileno=int(sys.argv[1])))
    order = server.serve()
    if order is not None:
        _finish(server, run(order["words"][2]))


if __name__ == "__main__":
    main()
