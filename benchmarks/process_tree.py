"""A process and all below it, and their CPU seconds (Linux)."""

import os
from pathlib import Path


def members(root: int) -> set[int]:
    """The process and its living descendants."""
    return _tree(root, _stats())


def tree_cpu(root: int) -> float:
    """Of a process, its living descendants and all that they have waited for."""
    ticks, stats = os.sysconf("SC_CLK_TCK"), _stats()
    return sum(sum(map(int, stats[pid][11:15])) for pid in _tree(root, stats) if pid in stats) / ticks


def _tree(root: int, stats: dict[int, list[str]]) -> set[int]:
    tree = {root}
    while more := {pid for pid, fields in stats.items() if int(fields[1]) in tree} - tree:
        tree |= more
    return tree


def _stats() -> dict[int, list[str]]:
    found = ((int(path.parent.name), _fields(path)) for path in Path("/proc").glob("[0-9]*/stat"))
    return {pid: fields for pid, fields in found if fields}


def _fields(path: Path) -> list[str]:
    """What follows the command's name in a stat file; nothing of a process that has just ended."""
    try:
        return path.read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
