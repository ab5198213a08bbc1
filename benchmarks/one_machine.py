"""The whole system beside one process, and beside Ray Data, doing the same work on the same clip, turn by turn.

python -m benchmarks.one_machine [--seconds 60] [--rate 15] [--runs 2] [--float32-runs 1] [--clip FILE] [--no-ray]

The system's time is what its user waits: upload, start, plan, score on two nodes, stitch, publish, download. The local
stack is up already and has had a job, as it would have, and so is Ray: the start of neither is counted. CPU seconds are
of all processes. All sides paint frame by frame (steadiness 0) with the same network, in `auto` precision with the very
scorer of a GPU task; in float32 the single process is plain PyTorch. Each result is checked: all frames, the source's
sound, the same pictures.
"""

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.clip import make_clip
from benchmarks.job_phases import score_phase
from benchmarks.local_system import ROOT, Job, running_stack
from benchmarks.ray_environment import RayMissingError, ray_python
from benchmarks.report import RESULTS, Goal, Report, write_report
from local.before_after import moments, survey

STYLE = "starry-night"
NODES = 2
# The other sides know nothing of the frame before, and the same work is compared.
FRAME_BY_FRAME = ("--steadiness", "0")
SYSTEM, SINGLE, RAY = "system", "single process", "Ray Data"
# Levels of 255 by which two sides' frames may differ on average. A script converts colours by FFmpeg's quick default,
# the system does not, and a network makes more of that: 3 levels were measured. Another frame or style is 20 and more.
SAME_PICTURE = 8.0


class UnlikeError(Exception):
    """A side's result is not the same work."""


@dataclass(frozen=True)
class Turn:
    side: str
    precision: str
    wall: float
    cpu: float
    job: Job | None = None


@dataclass(frozen=True)
class Bench:
    """What all turns share. `ray` is the interpreter that has Ray, None where it is left out.

    `compiled` fills up with the precisions for which the system had its network compiled: then the others have it too.
    """

    clip: Path
    folder: Path
    ray: Path | None
    nodes: int = NODES
    compiled: set[str] = field(default_factory=set[str])

    def turn(self, precision: str, number: int, with_ray: bool) -> list[Turn]:
        """One turn of each side, the system first in even turns and last in odd ones."""
        name = f"{precision}{number}"
        sides: list[Callable[[], Turn]] = [lambda: self.system(precision, name), lambda: self.single(precision, name)]
        if with_ray and self.ray is not None:
            sides.append(lambda: self.ray_data(precision, name))
        turns = [side() for side in (sides if number % 2 == 0 else reversed(sides))]
        check_alike(self.clip, [self._out(turn.side, name) for turn in turns])
        for turn in turns:
            print(f"{turn.side}, {precision}: {turn.wall:.1f} s, CPU {turn.cpu:.1f} s", file=sys.stderr, flush=True)
        return turns

    def system(self, precision: str, name: str) -> Turn:
        # One state folder for each precision: a stack that goes on, as it would for its user.
        # In float32 the other side is plain PyTorch, which compiles nothing.
        settings = {"SCORE_PRECISION": precision, "SCORE_COMPILE": "auto" if precision == "auto" else "never"}
        with running_stack(self.folder / precision, self.nodes, settings) as stack:
            # As those of a stack in use, its nodes have run a task before: the first pays for loading PyTorch.
            stack.job(self._short_clip(), STYLE, self.folder / f"first-{name}")
            stack.settle()
            job = stack.job(self.clip, STYLE, self._out(SYSTEM, name).parent, FRAME_BY_FRAME)
        if any(", compiled" in task["device"] for task in job.tasks):
            self.compiled.add(precision)
        return Turn(SYSTEM, precision, job.wall, job.cpu, job)

    def _short_clip(self) -> Path:
        """The clip's first frames, one for each node."""
        path = self.folder / "short.mp4"
        if not path.exists():
            make_clip(path, 1, self.nodes, film=self.clip)
        return path

    def single(self, precision: str, name: str) -> Turn:
        wall, cpu, _ = self._script([sys.executable, "-m", "benchmarks.single_process"], precision, SINGLE, name)
        return Turn(SINGLE, precision, wall, cpu)

    def ray_data(self, precision: str, name: str) -> Turn:
        command = [str(self.ray), "-m", "benchmarks.ray_data", "--workers", str(self.nodes)]
        wall, _, said = self._script(command, precision, RAY, name)
        told = json.loads(said.splitlines()[-1])
        return Turn(RAY, precision, wall - told["start_seconds"], told["cpu_seconds"])

    def _script(self, command: list[str], precision: str, side: str, name: str) -> tuple[float, float, str]:
        out = self._out(side, name)
        out.parent.mkdir(parents=True)
        command = [*command, str(self.clip), STYLE, str(out), "--precision", precision]
        command += ["--compiled"] if precision in self.compiled else []
        # Ray would leave a token in the user's home, and report its use to its makers.
        ray = {"RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
        before, began = os.times(), time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env=os.environ | ray, capture_output=True, text=True)
        wall, after = time.monotonic() - began, os.times()
        if done.returncode != 0:
            raise SystemExit(f"{side} ended with {done.returncode}: {done.stderr[-2_000:]}")
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return wall, cpu, done.stdout

    def _out(self, side: str, name: str) -> Path:
        return self.folder / f"{side.replace(' ', '-')}-{name}" / "video.mp4"


def check_alike(clip: Path, results: Sequence[Path]) -> None:
    """Raises: UnlikeError when a result lacks frames, or the source's sound, or shows something else."""
    source = survey(clip, [])
    shown = moments(source.frame_count)
    first: list[Any] | None = None
    for path in results:
        found = survey(path, shown)
        if (found.frame_count, found.sound) != (source.frame_count, source.sound):
            raise UnlikeError(
                f"{path.parent.name}: {found.frame_count} frames of {source.frame_count}, "
                f"sound {'kept' if found.sound == source.sound else 'changed'}"
            )
        pictures = [np.asarray(picture, np.int16) for picture in found.pictures]
        for mine, other in zip(pictures, first or pictures, strict=True):
            if (apart := float(np.abs(mine - other).mean())) > SAME_PICTURE:
                raise UnlikeError(f"{path.parent.name}: a frame differs by {apart:.1f} levels from the first side's")
        first = first or pictures


def rows(turns: Sequence[Turn], frames: int) -> list[dict[str, Any]]:
    """A row for each precision and side: medians, and the range of the wall time."""
    found: list[dict[str, Any]] = []
    for precision, side in dict.fromkeys((turn.precision, turn.side) for turn in turns):
        mine = [turn for turn in turns if (turn.precision, turn.side) == (precision, side)]
        walls = [turn.wall for turn in mine]
        wall, cpu = statistics.median(walls), statistics.median(turn.cpu for turn in mine)
        found.append({"precision": precision, "side": side, "turns": len(mine), "wall s": round(wall, 2),
                      "fastest": round(min(walls), 2), "slowest": round(max(walls), 2), "CPU s": round(cpu, 2),
                      "ms a frame": round(1000 * wall / frames, 1)})  # fmt: skip
    return found


def phase_rows(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Where the system's wall time went: medians of each phase, then what is inside `score`."""
    found: list[dict[str, Any]] = []
    for precision in dict.fromkeys(turn.precision for turn in turns):
        jobs = [turn.job for turn in turns if turn.precision == precision and turn.job is not None]
        outer = [job.phases for job in jobs]
        inner = [{f"score: {k}": v for k, v in score_phase(job.tasks).items()} for job in jobs if job.tasks]
        for parts in (outer, inner):
            for name in dict.fromkeys(key for part in parts for key in part):
                seconds = statistics.median(part.get(name, 0.0) for part in parts)
                found.append({"precision": precision, "part of the system's wall time": name, "s": round(seconds, 2)})
    return found


def ratio(turns: Sequence[Turn], precision: str, other: str, figure: str = "wall") -> float | None:
    """The system's figure over the other side's, median of the turns; None where a side did not run."""
    mine, theirs = (
        [getattr(turn, figure) for turn in turns if (turn.precision, turn.side) == (precision, side)]
        for side in (SYSTEM, other)
    )
    both = [a / b for a, b in zip(mine, theirs, strict=False)]
    return round(statistics.median(both), 3) if both else None


def goals(turns: Sequence[Turn], clip: str, no_ray: str) -> list[Goal]:
    overhead = "start of tasks, the slower node's end, stitch and transfer: see where the wall time went"
    said = f"whole system over a single process, wall time, {clip}"
    return [
        Goal(f"{said}: same fast scorer on both sides", "<= 1.10", ratio(turns, "auto", SINGLE), overhead),
        Goal(f"{said}: float32, plain PyTorch on the other side", "<= 1.10", ratio(turns, "float32", SINGLE),
             overhead),
        Goal("whole system over Ray Data with as many workers, wall time", "<= 1.00", ratio(turns, "auto", RAY),
             no_ray or "both are bound by the network's arithmetic; what differs is moving frames between processes"),
    ]  # fmt: skip


def compare(bench: Bench, runs: int, float32_runs: int) -> list[Turn]:
    turns = [turn for number in range(runs) for turn in bench.turn("auto", number, with_ray=True)]
    return turns + [turn for n in range(float32_runs) for turn in bench.turn("float32", n, with_ray=False)]


def write(turns: Sequence[Turn], settings: Mapping[str, Any], no_ray: str, folder: Path = RESULTS) -> Report:
    named = {
        f"{figure} {precision}: system / {other}": ratio(turns, precision, other, figure)
        for precision in ("auto", "float32") for other in (SINGLE, RAY) for figure in ("wall", "cpu")
    }  # fmt: skip
    devices = sorted({task["device"] for turn in turns if turn.job for task in turn.job.tasks})
    return write_report(
        "one_machine",
        settings={**settings, "devices": devices},
        results=[*rows(turns, settings["frames"]), *phase_rows(turns)],
        ratios={name: value for name, value in named.items() if value is not None},
        goals=goals(turns, settings["clip"], no_ray),
        folder=folder,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="of the clip (default: 60)")
    parser.add_argument("--rate", type=int, default=15, help="frames a second of the clip (default: 15)")
    parser.add_argument("--clip", type=Path, help="a video of your own instead")
    parser.add_argument("--runs", type=int, default=2, help="turns of all three sides (default: 2)")
    parser.add_argument("--float32-runs", type=int, default=1, help="turns of two sides in float32 (default: 1)")
    parser.add_argument("--no-ray", action="store_true", help="leave Ray Data out")
    args = parser.parse_args()
    if busy := machine.busy():
        print(f"warning: {busy}", file=sys.stderr)
    no_ray, ray = "left out: --no-ray" if args.no_ray else "", None
    if not args.no_ray:
        try:
            ray = ray_python()
        except RayMissingError as error:
            no_ray = str(error)
            print(f"warning: without Ray: {no_ray}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = args.clip or folder / "clip.mp4"
        if args.clip is None:
            make_clip(clip, args.seconds, args.rate)
        frames = survey(clip, []).frame_count
        called = clip.name if args.clip else f"{args.seconds:g} s of 640x360 at {args.rate} frames a second"
        turns = compare(Bench(clip, folder, ray), args.runs, args.float32_runs)
    write(turns, {"clip": called, "frames": frames, "style": STYLE, "nodes": NODES, "runs": args.runs,
                  "float32_runs": args.float32_runs}, no_ray)  # fmt: skip


if __name__ == "__main__":
    main()
