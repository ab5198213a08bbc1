"""Processes of tasks on the stack's nodes, found by the folder they work in."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TaskProcess:
    pid: int
    node: str
    job: str
    task: str
    command: tuple[str, ...]

    @property
    def is_gpu_task(self) -> bool:
        return "gpu_task" in self.command


def task_processes(nodes: Path, batch_job: str | None = None) -> list[TaskProcess]:
    """Those of one Batch job, or of all: whoever's working directory is `<pool>/<node>/workitems/<job>/job-1/<task>/..`
    below `nodes`."""
    found: list[TaskProcess] = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            inside = (folder / "cwd").readlink()
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended while we looked, or is another user's
        if not command[0] or not inside.is_relative_to(nodes):
            continue
        parts = inside.relative_to(nodes).parts
        if len(parts) > 5 and parts[2] == "workitems" and batch_job in (None, parts[3]):
            found.append(TaskProcess(int(folder.name), parts[1], parts[3], parts[5], tuple(command)))
    return found
