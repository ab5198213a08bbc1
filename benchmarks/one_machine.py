"""The whole system against one process doing the same work on the same clip, turn by turn.

python -m benchmarks.one_machine [--runs 3] [--clip FILE]

The system's time is what its user waits: upload, start, plan, score on two nodes, stitch, publish, download. The local
stack is up already, as it would be; its start is not counted. CPU seconds are of all its processes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import machine
from local.sample_clip import make_sample_clip

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "one_machine.json"
STYLE = "starry-night"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--clip", type=Path, help="default: the demo's sample clip, 6 s of 640x360")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = args.clip or Path(folder) / "clip.mp4"
        if args.clip is None:
            make_sample_clip(clip)
        report = compare(clip, args.runs, Path(folder))
    RESULT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def compare(clip: Path, runs: int, folder: Path) -> dict[str, Any]:
    up = start_stack(folder / "state")
    try:
        turns = [(single_process(clip, folder), whole_system(clip, folder, n, up.pid)) for n in range(runs)]
    finally:
        up.terminate()
        up.wait(60)
    singles, systems = zip(*turns, strict=True)
    return {
        "clip": clip.name,
        "runs": runs,
        "machine": machine.describe(),
        "single_process": summary(singles),
        "whole_system": summary(systems),
        "wall_ratio": round(statistics.median(b["wall"] / a["wall"] for a, b in turns), 3),
        "cpu_ratio": round(statistics.median(b["cpu"] / a["cpu"] for a, b in turns), 3),
    }


def start_stack(state: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local", "up", "--state", str(state), "--port", "0", "--nodes", "2"]
    up = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert up.stdout is not None
    if not up.stdout.readline().startswith("Atelier is up"):
        raise SystemExit("the local stack did not start")
    return up


def single_process(clip: Path, folder: Path) -> dict[str, float]:
    before = os.times()
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.single_process", str(clip), STYLE, str(folder / "single.mp4")]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.monotonic() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall": wall, "cpu": cpu}


def whole_system(clip: Path, folder: Path, run: int, stack: int) -> dict[str, float]:
    """One job under a name of its own: the same blob twice would be one job."""
    named = folder / f"run{run}.mp4"
    named.write_bytes(clip.read_bytes())
    endpoints = json.loads((folder / "state" / "endpoints.json").read_text())
    command = [sys.executable, "-m", "client", "--endpoint", endpoints["functions"]]
    command += ["--storage", endpoints["data_storage"], "submit", str(named), "--style", STYLE]
    before, spent = os.times(), tree_cpu(stack)
    began = time.monotonic()
    subprocess.run([*command, "--watch", "--out", str(folder / f"out{run}"), "--json"], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    wall, after = time.monotonic() - began, os.times()
    client = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall": wall, "cpu": client + tree_cpu(stack) - spent}


def tree_cpu(root: int) -> float:
    """CPU seconds of a process, its living descendants and all that they have waited for (Linux)."""
    ticks = os.sysconf("SC_CLK_TCK")
    stats = {int(p.parent.name): p.read_text().rsplit(")", 1)[1].split() for p in Path("/proc").glob("[0-9]*/stat")}
    tree = {root}
    while more := {pid for pid, fields in stats.items() if int(fields[1]) in tree} - tree:
        tree |= more
    return sum(sum(map(int, stats[pid][11:15])) for pid in tree if pid in stats) / ticks


def summary(turns: tuple[dict[str, float], ...]) -> dict[str, list[float]]:
    """Each figure's smallest, median and largest."""
    return {
        name: [round(pick(turn[name] for turn in turns), 2) for pick in (min, statistics.median, max)]
        for name in ("wall", "cpu")
    }


if __name__ == "__main__":
    main()
