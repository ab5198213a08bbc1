"""The whole system on this machine, as a user meets it: the local stack, and jobs through the client."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import job_phases
from benchmarks.process_tree import tree_cpu
from contracts import layout

ROOT = Path(__file__).parents[1]
STOP_SECONDS = 60
SETTLE_SECONDS = 30
# CPU seconds in one second that an idle stack takes at most: it polls its queues.
IDLE_CPU = 0.08


class SystemFailed(Exception):
    """The stack did not start, or a job did not finish."""


@dataclass(frozen=True)
class Job:
    """`wall` and `cpu` seconds: what the user waits, and of all processes. `report` is the client's JSON."""

    wall: float
    cpu: float
    video: Path
    report: Mapping[str, Any]
    phases: Mapping[str, float]
    tasks: list[Mapping[str, Any]]


@dataclass(frozen=True)
class Stack:
    process: int
    endpoints: Mapping[str, Any]

    def job(self, clip: Path, style: str, out: Path, options: tuple[str, ...] = ()) -> Job:
        """Submit a copy of `clip` under a name of its own (the same blob twice is one job), wait, download to `out`."""
        out.mkdir(parents=True)
        named = out / f"{out.name}.mp4"
        shutil.copyfile(clip, named)
        where = ["--endpoint", self.endpoints["functions"], "--storage", self.endpoints["data_storage"]]
        command = [sys.executable, "-m", "client", *where, "submit", str(named), "--style", style, *options]
        spent, children = tree_cpu(self.process), os.times()
        began, clock = datetime.now(UTC), time.monotonic()
        client = subprocess.run([*command, "--out", str(out), "--json"], cwd=ROOT, capture_output=True, text=True)
        wall, ended = time.monotonic() - clock, datetime.now(UTC)
        now = os.times()
        cpu = now.children_user + now.children_system - children.children_user - children.children_system
        if client.returncode != 0:
            raise SystemFailed(f"the job did not finish (exit code {client.returncode}): {client.stderr[-2_000:]}")
        report = json.loads(client.stdout.splitlines()[-1])
        return Job(wall=wall, cpu=cpu + tree_cpu(self.process) - spent, video=out / "video.mp4", report=report,
                   phases=self._phases(report["job"], began, ended),
                   tasks=self._tasks(report["job"], report["chunks"]))  # fmt: skip

    def settle(self) -> None:
        """Wait until the stack has nothing more to do (after a job it readies itself for more), or SETTLE_SECONDS."""
        for _ in range(SETTLE_SECONDS):
            spent = tree_cpu(self.process)
            time.sleep(1)
            if tree_cpu(self.process) - spent <= IDLE_CPU:
                return

    def _phases(self, job: str, began: datetime, ended: datetime) -> dict[str, float]:
        return job_phases.phases(job_phases.fetch_history(self.endpoints["functions"], job), began, ended)

    def _tasks(self, job: str, chunks: int) -> list[Mapping[str, Any]]:
        """What the task of each chunk told; of a job too wide for one orchestration, nothing."""
        names = [layout.chunk_instance(job, number, 1) for number in range(chunks)]
        found = (job_phases.task_times(job_phases.fetch_history(self.endpoints["functions"], name)) for name in names)
        return [task for task in found if task is not None]


@contextmanager
def running_stack(state: Path, nodes: int = 2, settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """`python -m local up` for as long as the block lasts, on free ports, with app settings of one's own.

    Raises:
        SystemFailed: it did not start; the end of what it said is in the message.
    """
    state.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local", "up", "--state", str(state), "--port", "0", "--nodes", str(nodes)]
    command += [part for name, value in (settings or {}).items() for part in ("--set", f"{name}={value}")]
    said = state / "up.log"
    with said.open("w") as log, subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
    ) as up:  # fmt: skip
        try:
            assert up.stdout is not None
            if not up.stdout.readline().startswith("Atelier is up"):
                raise SystemFailed(f"the local stack did not start: {said.read_text()[-2_000:]}")
            yield Stack(up.pid, json.loads((state / "endpoints.json").read_text()))
        finally:
            up.terminate()
            try:
                up.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                up.kill()  # its watchdogs end what it started
                raise
