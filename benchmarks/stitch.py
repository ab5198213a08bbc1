"""Stitching, beside FFmpeg's own concat demuxer with `-c copy`, on the same files, turn by turn.

python -m benchmarks.stitch [--segments 10 100 500 2000] [--frames 25] [--runs 3]

`ffmpeg` joins the segments and copies the sound. `stitch` does the same and reads the result's index back, so that no
frame is missing or late unnoticed; `product` is what runs in production: besides, every segment is copied to a file of
its own as from storage, its hash compared, and the result hashed. Each turn is a process of its own, whose peak memory
is taken. Seconds are of the work: that of ours begins after Python's imports (see `benchmarks.start_up`).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import ffmpeg_program, machine
from benchmarks.report import RESULTS, Goal, Report, write_report
from benchmarks.segments_clip import Job, make_job

ROOT = Path(__file__).parents[1]
SEGMENTS, FRAMES, RUNS = (10, 100, 500, 2_000), 25, 3
SIDES = ("ffmpeg", "stitch", "product")


@dataclass(frozen=True)
class Turn:
    seconds: float
    peak_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, nargs="+", default=SEGMENTS)
    parser.add_argument("--frames", type=int, default=FRAMES, help="in each segment")
    parser.add_argument("--runs", type=int, default=RUNS)
    args = parser.parse_args()
    if warning := machine.busy():
        print(f"warning: {warning}", file=sys.stderr)
    measure(tuple(args.segments), args.frames, args.runs)


def measure(
    counts: tuple[int, ...], frames: int, runs: int, size: tuple[int, int] = (640, 360), results: Path = RESULTS
) -> Report:
    """Write `stitch.json`.

    Raises:
        benchmarks.ffmpeg_program.FfmpegMissingError
    """
    program = ffmpeg_program.ffmpeg()
    rows: list[dict[str, Any]] = []
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="stitch-") as folder:
            rows.append(_row(make_job(Path(folder), count, frames, size), program, runs))
        print(json.dumps(rows[-1]), file=sys.stderr)
    ratios = {f"speed_{row['segments']}": row["speed_to_ffmpeg"] for row in rows}
    peak = max(row["product_peak_mb"] for row in rows)
    settings: dict[str, Any] = {"frames": frames, "width": size[0], "height": size[1], "runs": runs}
    settings["ffmpeg"] = ffmpeg_program.version(program)
    goals = [
        Goal(
            "Segments are stitched at no less than 0.8 of the speed of `ffmpeg -f concat -c copy`, however many",
            ">= 0.8",
            min(ratios.values()),
            "opening each segment, one call into FFmpeg's muxer a packet, and the disk: both write the file twice",
        ),
        Goal("The stitch takes under 200 MB at any length, Python included", "<= 200", peak, "PyAV and numpy: 60 MB"),
    ]
    return write_report("stitch", settings=settings, results=rows, ratios=ratios, goals=goals, folder=results)


def _row(job: Job, program: Path, runs: int) -> dict[str, Any]:
    """Medians of `runs` turns of each side, interleaved; the order turns around from one run to the next."""
    folder = job.source.parent
    out = folder / "out.mp4"
    (folder / "job.json").write_text(job.index.to_json())
    turns: dict[str, list[Turn]] = {side: [] for side in SIDES}
    size = 0
    for run in range(runs):
        for side in SIDES if run % 2 == 0 else reversed(SIDES):
            turns[side].append(_take(side, job, program, out))
            size = out.stat().st_size
            _settle(out)
    seconds = {side: statistics.median(turn.seconds for turn in turns[side]) for side in SIDES}
    row: dict[str, Any] = {"segments": len(job.segments), "mb": round(size / 1e6, 1)}
    row |= {f"{side}_mb_per_s": round(size / 1e6 / seconds[side], 1) for side in SIDES}
    row |= {f"{side}_peak_mb": round(max(t.peak_bytes for t in turns[side]) / 1e6) for side in SIDES}
    pairs = zip(turns["ffmpeg"], turns["stitch"], turns["product"], strict=True)
    ratios = [(f.seconds / s.seconds, f.seconds / p.seconds) for f, s, p in pairs]
    row["speed_to_ffmpeg"] = round(statistics.median(ratio for ratio, _ in ratios), 3)
    row["product_speed_to_ffmpeg"] = round(statistics.median(ratio for _, ratio in ratios), 3)
    return row


def _settle(out: Path) -> None:
    """On to the disk and away: what a turn left to be written is not the next one's burden."""
    with out.open("rb") as file:
        os.fsync(file.fileno())
    out.unlink()


def _take(side: str, job: Job, program: Path, out: Path) -> Turn:
    if side != "ffmpeg":
        said, _, peak = _run([sys.executable, "-m", "benchmarks.stitch_turn", side, str(job.frames), str(out)])
        return Turn(float(said), peak)
    listed = out.parent / "list.txt"
    listed.write_text("".join(f"file '{path}'\n" for path in job.segments))
    inputs = ["-f", "concat", "-safe", "0", "-i", str(listed), "-i", str(job.source), "-map", "0:v", "-map", "1:a"]
    _, seconds, peak = _run([str(program), "-v", "error", *inputs, "-c", "copy", "-movflags", "+faststart", str(out)])
    return Turn(seconds, peak)


def _run(command: list[str]) -> tuple[str, float, int]:
    """What it printed, its wall seconds and its own peak memory in bytes.

    Started by a small process: Linux counts to a child's peak what its parent had when it started it.
    """
    launch = [sys.executable, "-S", "-m", "benchmarks.launch", *command]
    said = json.loads(subprocess.run(launch, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return said["stdout"], said["seconds"], said["peak_bytes"]


if __name__ == "__main__":
    main()
