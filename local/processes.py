"""Process groups: naming them beyond doubt, and killing them."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessGroup:
    """Names a process group for good: process ids are reused, a start time on one boot is not."""

    pgid: int
    started: str


def identify(pid: int) -> ProcessGroup | None:
    """The group led by a process; None when the process has gone already."""
    started = _started(pid)
    return ProcessGroup(pid, started) if started else None


def kill_group(pgid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Signals a group that this process started and has not forgotten."""
    try:
        os.killpg(pgid, number)
    except ProcessLookupError:
        return


def is_alive(group: ProcessGroup) -> bool:
    """Whether the group's leader still runs."""
    return _started(group.pgid) == group.started


def kill_orphans(group: ProcessGroup, variable: str) -> bool:
    """Kills a group that an earlier process recorded, if it still is that group; says whether there was one.

    The leader is known by its start time. Where the leader has gone, its number may lead another group by now: only
    members with `variable` (NAME=value) in their environment are killed.
    """
    if is_alive(group):
        kill_group(group.pgid)
        return True
    orphans = [pid for pid in _members(group.pgid) if _has_variable(pid, variable)]
    for pid in orphans:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return bool(orphans)


def _started(pid: int) -> str | None:
    """When a process started, in words that are unique on this machine; None when there is no such process."""
    if not _PROC.is_dir():  # macOS
        listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return listed.stdout.strip() or None
    fields = _stat(pid)
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{fields[19]}" if fields else None  # field 22 of proc(5): clock ticks since boot


def _stat(pid: int) -> list[str]:
    """Fields 3 and on of /proc/<pid>/stat; the second, the name, may hold spaces and is skipped."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _members(pgid: int) -> list[int]:
    if not _PROC.is_dir():
        return []
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (fields := _stat(pid)) and int(fields[2]) == pgid]


def _has_variable(pid: int, variable: str) -> bool:
    try:
        return variable.encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
