"""CPU seconds of a process and all below it (Linux)."""

import os
from pathlib import Path


def tree_cpu(root: int) -> float:
    """Of a process, its living descendants and all that they have waited for."""
    ticks = os.sysconf("SC_CLK_TCK")
    stats = {int(path.parent.name): fields for path in Path("/proc").glob("[0-9]*/stat") if (fields := _fields(path))}
    tree = {root}
    while more := {pid for pid, fields in stats.items() if int(fields[1]) in tree} - tree:
        tree |= more
    return sum(sum(map(int, stats[pid][11:15])) for pid in tree if pid in stats) / ticks


def _fields(path: Path) -> list[str]:
    """What follows the command's name in a stat file; nothing of a process that has just ended."""
    try:
        return path.read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
