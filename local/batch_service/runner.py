"""Runs one task on one node: files in, process, files out."""

import asyncio
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.batch_service.background import Background
from local.batch_service.environment import (
    BASE_ENVIRONMENT,
    Account,
    NodeFolders,
    node_environment,
    task_environment,
)
from local.batch_service.launch import LaunchError, exit_code, launch, split_command
from local.batch_service.records import Failure, Node, Task
from local.batch_service.specs import StartTask
from local.batch_service.state import State
from local.batch_service.task_lifecycle import Ended, TaskLifecycle
from local.batch_service.transfers import TransferError, download, upload
from local.batch_service.warm_python import WarmProcess, WarmPython, Warmth
from local.processes import identify, kill_group
from local.watchdog import Watchdog

OVER_TIME = Failure("TaskEnded", "The task was ended because it exceeded its maxWallClockTime")
EXIT_CODE = Failure("FailureExitCode", "The task exited with an exit code representing a failure")

type Process = asyncio.subprocess.Process | WarmProcess


@dataclass(frozen=True)
class NodeImage:
    """What is installed on a node: variables every process sees, containers as an entry point on this machine, and
    what of Python is kept warm (None: every task is started cold)."""

    environment: Mapping[str, str] = field(default_factory=dict)
    containers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warmth: Warmth | None = None


class Runner:
    def __init__(self, root: Path, image: NodeImage, state: State, background: Background) -> None:
        self._root, self._image, self._state, self._background = root, image, state, background
        self._watchdog = Watchdog()
        self._warm: WarmPython | None = None
        if image.warmth is not None:
            common = {**BASE_ENVIRONMENT, **image.environment}
            self._warm = WarmPython(image.warmth, common, root / "warm", self._watchdog)
        self._runs: dict[Task, asyncio.Task[None]] = {}
        self.account = Account("", "")  # known once the service listens
        self.lifecycle: TaskLifecycle

    def warm_up(self) -> None:
        """Begins to preload, so that the first task need not wait for it."""
        if self._warm is not None:
            self._background.spawn(self._warm.warm_up())

    def folders(self, pool_id: str, node_id: str) -> NodeFolders:
        return NodeFolders(self._root / pool_id / node_id)

    def start(self, task: Task, node: Node) -> None:
        """Takes the slots and runs the task in the background."""
        node.free_slots -= task.slots
        node.running.add(task)
        task.pool_id, task.node_id = node.pool.id, node.id
        task.started, task.ended, task.failure = time.time(), None, None
        task.enter("running")
        self._state.save(task)
        self._runs[task] = self._background.spawn(self._run(task, node))

    async def finished(self, tasks: Iterable[Task]) -> None:
        """Returns when none of the tasks runs any more."""
        runs = [self._runs[task] for task in tasks if task in self._runs]
        if runs:
            await asyncio.wait(runs)

    def running(self) -> list[Task]:
        return list(self._runs)

    def keep_files(self, task: Task) -> None:
        """Removes a completed task's folder once its retention time has passed; a rerun meanwhile keeps it."""
        retention, ended = task.spec.constraints.retention_time, task.ended
        if retention is None or ended is None or task.node_id is None:
            return

        def discard() -> None:
            if task.ended == ended and task.state == "completed":
                self._background.spawn(self.discard_files(task))

        asyncio.get_running_loop().call_later(max(0.0, ended + retention - time.time()), discard)

    async def discard_files(self, task: Task) -> None:
        """Removes a task's folder, once nothing runs in it."""
        await self.finished([task])
        successor = task.job.tasks.get(task.key)
        if task.pool_id and task.node_id and successor in (None, task):
            folder = self.folders(task.pool_id, task.node_id).task(task)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def close(self) -> None:
        if self._warm is not None:
            await self._warm.close()
        self._watchdog.close()

    async def _run(self, task: Task, node: Node) -> None:
        folders = self.folders(node.pool.id, node.id)
        try:
            ended = await self._execute(task, node, folders)
        finally:
            del self._runs[task]
            node.running.discard(task)
            node.free_slots += task.slots
            shutil.rmtree(folders.temporary(task), ignore_errors=True)
        node.tasks_run += 1
        node.tasks_succeeded += ended.failure is None
        self.lifecycle.settle(task, ended)

    async def _execute(self, task: Task, node: Node, folders: NodeFolders) -> Ended:
        folder = folders.task(task)
        working_directory = folder / "wd"
        try:
            process = await self._prepare(task, node, folders)
        except (LaunchError, TransferError) as error:
            return Ended(None, error.failure)
        except OSError as error:
            return Ended(None, Failure("DiskError", f"{type(error).__name__}: {error}", "serverError"))
        if process is None:
            return Ended(None, None)
        code, over_time = await self._wait(process, task)
        if task.stop == "requeue":
            return Ended(code, None)
        failure = OVER_TIME if over_time else EXIT_CODE if code else None
        try:
            await upload(task.spec.output_files, working_directory, failed=failure is not None)
        except TransferError as error:
            return Ended(code, error.failure)
        return Ended(code, failure, retryable=failure is EXIT_CODE)

    async def _prepare(self, task: Task, node: Node, folders: NodeFolders) -> Process | None:
        """The started process; None when the task was stopped before it could start."""
        folder = folders.task(task)
        for needed in (folder / "wd", folders.temporary(task)):
            needed.mkdir(parents=True, exist_ok=True)
        await download(task.spec.resource_files, folder / "wd")
        if task.stop:
            return None
        environment = task_environment(self._image.environment, self.account, node, folders, task)
        process = await self._launch(self._command(task), folder, environment)
        self._watchdog.add(process.pid)
        task.group = identify(process.pid)
        self._state.save(task)
        if task.stop:  # asked for while the process started
            kill_group(process.pid)
        return process

    async def _launch(self, words: list[str], folder: Path, environment: Mapping[str, str]) -> Process:
        warm = await self._warm.start(words, folder, environment) if self._warm else None
        return warm or await launch(words, folder, environment)

    def _command(self, task: Task) -> list[str]:
        words, container = split_command(task.spec.command_line), task.spec.container_settings
        if container is None:
            return words
        if container.image_name not in self._image.containers:
            raise LaunchError("ContainerInvalidImage", f"image {container.image_name!r} is not on the local nodes")
        return [*self._image.containers[container.image_name], *words]

    async def _wait(self, process: Process, task: Task | None) -> tuple[int, bool]:
        """The exit code, and whether the time limit ended it. No process of the group is left."""
        limit = task.spec.constraints.max_wall_clock_time if task else None
        over_time = False
        try:
            async with asyncio.timeout(limit):
                returned = await process.wait()
        except TimeoutError:
            over_time = True
            kill_group(process.pid)
            returned = await process.wait()
        kill_group(process.pid)  # what the command left behind in its group
        self._watchdog.remove(process.pid)
        if task:
            task.group = None
        return exit_code(returned), over_time

    async def run_start_task(self, start: StartTask, node: Node) -> bool:
        """Whether the pool's start task succeeded on this node."""
        folders = self.folders(node.pool.id, node.id)
        environment = node_environment(self._image.environment, self.account, node, folders)
        settings = {setting.name: setting.value or "" for setting in start.environment_settings}
        try:
            process = await launch(split_command(start.command_line), folders.startup, {**environment, **settings})
        except LaunchError:
            return False
        self._watchdog.add(process.pid)
        code, _ = await self._wait(process, None)
        return code == 0
