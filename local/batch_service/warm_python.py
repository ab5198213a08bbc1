"""Warm nodes: tasks that run a Python module are forked from a preloaded process instead of started from nothing.

A stand-in for what a real pool has and a laptop has not: a processor of its own for every node. Real Azure Batch starts
a process for each task; on eight simulated nodes that share two cores, Python's start-up (0.6 s of processor time for
`gpu_task` without torch, 2.5 s with it) would be all that is measured. What a task can see is the same, except that
/proc/<pid>/environ shows the node image's variables and not the task's. `zygote` says how it is done.

Everything else, and whatever cannot be forked safely, is started the usual way: `start` then returns None.
"""

import asyncio
import itertools
import json
import logging
import shutil
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.batch_service.launch import LaunchError
from local.processes import kill_group
from local.watchdog import Watchdog

_log = logging.getLogger(__name__)

_SCRIPT = Path(__file__).with_name("zygote.py")
_ROOM = 4096  # bytes of a task's command line that /proc shows
_LONGEST_LINE = 1 << 20
_KILLED = -9  # as subprocess.Popen.returncode has it
_REST_SECONDS = 10.0  # before another server is tried after one that did not start
# Read by the interpreter or by libraries while they start: a task that wants other values needs a start of its own.
_READ_AT_START = ("PYTHON", "LD_", "OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "CUDA_", "LANG", "LC_", "TORCH")


@dataclass(frozen=True)
class Warmth:
    """What a node image keeps in memory: modules imported beforehand, and those imported once a task has done so.

    `environment` is added to that of forked tasks.
    """

    preload: tuple[str, ...]
    on_use: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


class WarmProcess:
    """A forked task, as far as `asyncio.subprocess.Process` is needed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def end(self, returned: int) -> None:
        if not self._ended.done():
            self._ended.set_result(returned)


class _Server:
    """One zygote. It dies with the service: the watchdog knows it, and its socket ends."""

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket, watchdog: Watchdog) -> None:
        self.process, self._channel, self._watchdog = process, channel, watchdog
        self.ready: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._running: dict[int, WarmProcess] = {}
        self._numbers = itertools.count(1)
        self.is_open = True

    async def listen(self, first: Mapping[str, Any]) -> None:
        """Until the server is gone; what it was doing then has failed."""
        reader, self._writer = await asyncio.open_connection(sock=self._channel, limit=_LONGEST_LINE)
        self._send(first)
        try:
            while line := await reader.readline():
                self._hear(json.loads(line))
        except ConnectionError as error:
            _log.warning("the server of warm tasks hung up: %s", error)
        finally:
            self._gone()
            self._writer.close()
            self._watchdog.remove(self.process.pid)
            await self.process.wait()

    async def ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """The answer; {"refused": ...} where the server dies over it."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._send({"id": number, **order})
        return await answer

    def retire(self) -> None:
        """No more orders; it ends with its last child."""
        if self.is_open and not self._writer.is_closing():
            self.is_open = False
            self._writer.write_eof()

    def _send(self, words: Mapping[str, Any]) -> None:
        self._writer.write(json.dumps(words).encode() + b"\n")

    def _hear(self, said: dict[str, Any]) -> None:
        if "ended" in said:
            self._running.pop(said["ended"]).end(said["returned"])
        elif "ready" in said:
            self.ready.set_result(said["failed"])
        else:
            if pid := said.get("pid"):
                said["process"] = self._running[pid] = WarmProcess(pid)
            if not (answer := self._answers.pop(said["id"])).done():
                answer.set_result(said)

    def _gone(self) -> None:
        self.is_open = False
        if not self.ready.done():
            self.ready.set_result({"the server": "ended while it was preloading"})
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result({"refused": "the server is gone"})
        for process in self._running.values():
            process.end(_KILLED)  # nobody is left to say how it ends; whoever waits kills what is left of its group


class WarmPython:
    """Starts `python -m MODULE` warm, for the `python` that is found first on the image's PATH."""

    def __init__(self, warmth: Warmth, environment: Mapping[str, str], folder: Path, watchdog: Watchdog) -> None:
        self._warmth, self._folder, self._watchdog = warmth, folder, watchdog
        self._environment = {**environment, "HOME": str(folder), "TMPDIR": str(folder)}
        self._program = shutil.which("python", path=environment.get("PATH"))
        self._server: _Server | None = None
        self._starting = asyncio.Lock()
        self._listening: dict[asyncio.Task[None], _Server] = {}  # retired ones too, until they have ended
        self._rest_until = 0.0

    async def start(self, words: list[str], folder: Path, environment: Mapping[str, str]) -> WarmProcess | None:
        """The process, as `launch` would have started it; None where it has to be started cold.

        Raises:
            LaunchError: its folder or files cannot be used.
        """
        if not self._fits(words, environment):
            return None
        order = {
            "words": words,
            "folder": str(folder / "wd"),
            "environment": {**environment, **dict(self._warmth.environment)},
            "stdout": str(folder / "stdout.txt"),
            "stderr": str(folder / "stderr.txt"),
        }
        answer = await self._ask(order)
        if "stale" in answer:
            _log.info("%s has changed: warm tasks begin anew", answer["stale"])
            answer = await self._ask(order)
        if "error" in answer:
            raise LaunchError("CommandLaunchFailed", f"program {words[0]!r}: {answer['error']}")
        if "process" not in answer:
            _log.warning("task started cold: %s", answer)
        return answer.get("process")

    async def _ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """A server's answer. One that is stale gets no more orders: the next is asked of one that read the changes."""
        server = await self._serve()
        if server is None:
            return {"refused": "there is no server"}
        answer = await server.ask(order)
        if "stale" in answer:
            server.retire()
        return answer

    async def warm_up(self) -> None:
        """Preloads now, where the first task would have to wait for it."""
        await self._serve()

    async def _serve(self) -> _Server | None:
        """The server, once it has loaded everything; None where there is none to be had."""
        async with self._starting:
            if self._server is None or not self._server.is_open:
                if time.monotonic() < self._rest_until:
                    return None
                self._server = await self._start_server()
            return self._server

    async def _start_server(self) -> _Server | None:
        if self._program is None or not Path("/proc/self/task").is_dir():  # forking is proven safe by /proc alone
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(self._program, str(_SCRIPT), str(theirs.fileno()), "." * _ROOM),
                    env=self._environment,
                    pass_fds=[theirs.fileno()],
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
        except BaseException:  # the service may close while its server starts
            ours.close()
            raise
        self._watchdog.add(process.pid)
        server = _Server(process, ours, self._watchdog)
        first = {"preload": self._warmth.preload, "on_use": self._warmth.on_use, "folder": str(self._folder)}
        listening = asyncio.create_task(server.listen(first))
        self._listening[listening] = server
        listening.add_done_callback(self._listening.pop)
        for module, error in (await server.ready).items():
            _log.warning("warm tasks go without %s: %s", module, error)
        if server.is_open:
            return server
        self._rest_until = time.monotonic() + _REST_SECONDS
        return None

    def _fits(self, words: list[str], environment: Mapping[str, str]) -> bool:
        if len(words) < 3 or words[1] != "-m" or words[2].startswith("-"):
            return False
        if self._program is None or shutil.which(words[0], path=environment.get("PATH")) != self._program:
            return False
        own, wanted = self._environment, {**environment, **dict(self._warmth.environment)}
        names = {name for name in own.keys() | wanted.keys() if name.startswith(_READ_AT_START)}
        return all(own.get(name) == wanted.get(name) for name in names)

    async def close(self) -> None:
        """Ends the servers. Their children have ended by now; what has not is killed."""
        async with self._starting:
            for server in self._listening.values():
                if server.process.returncode is None:
                    kill_group(server.process.pid)
            if self._listening:
                await asyncio.wait(self._listening)
