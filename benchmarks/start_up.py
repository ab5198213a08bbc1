"""How long a fresh process takes until it is of use: the Function App until it is imported, a GPU task until its first
frame is scored.

python -m benchmarks.start_up [--runs 7]

The app is imported in an environment of what it is deployed with. Its import is set beside that of `azure.functions`
and `azure.durable_functions` alone, which no such app can do without; they take turns. A task's time is broken down by
stage: the interpreter itself, the imports, reading its spec, the model, and the first frame from the decoder to the
scorer.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.app_environment import app_python
from benchmarks.report import RESULTS, Goal, Report, write_report
from benchmarks.segments_clip import make_job
from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import Destinations, ModelRef, ScorerOptions, ScoreSpec, SourceRef, TaskIdentity
from media.index import probe

ROOT = Path(__file__).parents[1]
RUNS = 7
IMPORTS = {
    "interpreter": "pass",
    "base": "import azure.functions, azure.durable_functions",
    "app": "import function_app",
}
SCORERS = {"identity": None, "style-transfer": "starry-night"}
STAGES = ("interpreter", "imports", "spec", "model", "first_frame")
FRAMES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    args = parser.parse_args()
    if warning := machine.busy():
        print(f"warning: {warning}", file=sys.stderr)
    measure(args.runs, app_python())


def measure(runs: int, python: Path, size: tuple[int, int] = (640, 360), results: Path = RESULTS) -> Report:
    """Write `start_up.json`. `python` is the interpreter that imports the app."""
    imports = import_seconds(runs, python)
    medians = {name: statistics.median(values) for name, values in imports.items()}
    over_base = statistics.median(a / b for a, b in zip(imports["app"], imports["base"], strict=True))
    app = medians["app"] - medians["interpreter"]
    rows: list[dict[str, Any]] = [{"process": name, "seconds": round(value, 3)} for name, value in medians.items()]
    with tempfile.TemporaryDirectory(prefix="start-up-") as folder:
        source = make_job(Path(folder), 1, FRAMES, size).source
        rows += [_task_row(source, scorer, runs) for scorer in SCORERS]
    goals = [
        Goal(
            "The Function App is imported in under a second",
            "<= 1.0",
            round(app, 3),
            f"{medians['base'] - medians['interpreter']:.2f} s of it are azure.functions and azure.durable_functions; "
            "most of the rest is the SDK of Azure Storage and pydantic's models",
        )
    ]
    settings = {"runs": runs, "width": size[0], "height": size[1]}
    ratios = {"app_to_base": round(over_base, 3)}
    return write_report("start_up", settings=settings, results=rows, ratios=ratios, goals=goals, folder=results)


def _task_row(source: Path, scorer: str, runs: int) -> dict[str, Any]:
    return {"process": f"task, {scorer}"} | task_seconds(_spec(source, scorer), source.parent, runs)


def import_seconds(runs: int, python: Path) -> dict[str, list[float]]:
    """Wall seconds of a whole process by what it imports, after one turn that nobody counts: it may compile."""
    environment = os.environ | {"BATCH_ENDPOINT": "https://not-asked.example"}
    found: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for run in range(runs + 1):
        for name, program in IMPORTS.items():
            began = time.perf_counter()
            subprocess.run([str(python), "-c", program], cwd=ROOT, env=environment, check=True)
            if run:
                found[name].append(time.perf_counter() - began)
    return found


def task_seconds(spec: ScoreSpec, folder: Path, runs: int) -> dict[str, float]:
    """Median seconds of each stage, and their sum, from the start of the process to its first scored frame."""
    path = folder / "spec.json"
    path.write_text(spec.to_json())
    turns = [_task(path) for _ in range(runs + 1)][1:]
    row = {stage: round(statistics.median(turn[stage] for turn in turns), 3) for stage in STAGES}
    return {"seconds": round(statistics.median(sum(turn.values()) for turn in turns), 3)} | row


def _task(spec: Path) -> dict[str, float]:
    began = time.time()
    command = [sys.executable, "-m", "benchmarks.first_frame", str(spec)]
    said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    times: Sequence[float] = [began, *map(float, said)]
    return {stage: after - before for stage, before, after in zip(STAGES, times, times[1:], strict=False)}


def _spec(source: Path, scorer: str) -> ScoreSpec:
    style = SCORERS[scorer]
    model = ModelRef(name=style, sha256=BUILTIN_STYLES[style].sha256, builtin=True) if style else None
    nowhere = Destinations(output="", log="", timings="", progress="", results_queue="")
    return ScoreSpec(
        identity=TaskIdentity(job="start-up", task="c00000-a1", chunk=0, attempt=1, instance_id="start-up:r1:c00000"),
        source=SourceRef(url=str(source), etag="", size=source.stat().st_size),
        index=probe(source),
        first=0,
        last=FRAMES - 1,
        scorer=scorer,
        model=model,
        options=ScorerOptions(),
        to=nowhere,
    )


if __name__ == "__main__":
    main()
