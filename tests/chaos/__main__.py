"""Breaks things for real on a local stack of its own, and checks that every job ends complete or fails for the reason.

python -m tests.chaos --seconds 600 --seed 7          runs for ten minutes
python -m tests.chaos --runs 200 --out record.json
python -m tests.chaos --fault host-killed --runs 5
python -m tests.chaos --only host-killed:70003        one run again

Exit status 0; 1 where a run violated what must hold.
"""

import argparse
import itertools
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.chaos import report
from tests.chaos.faults.catalogue import FAULTS
from tests.chaos.jobs import Clips
from tests.chaos.run import Outcome, RunPlan, UnknownFault
from tests.chaos.stack import Stack
from tests.chaos.suite import Suite, seeds


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, help="how many; with --seconds, whichever comes first")
    parser.add_argument("--seconds", type=float, help="begin no run after this many seconds")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other moments (default: %(default)s)")
    parser.add_argument("--fault", choices=list(FAULTS), action="append", help="only this fault; may be repeated")
    parser.add_argument("--only", metavar="SEED", help="repeat one run by the seed that was printed for it")
    parser.add_argument("--out", type=Path, help="write the record as JSON")
    parser.add_argument("--state", type=Path, help="the stack's folder, kept with its logs (default: one that goes)")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    if sys.platform != "linux":
        print("error: the faults are injected through /proc, which only Linux has", file=sys.stderr)
        return 2
    runs = arguments.runs or (None if arguments.seconds else len(FAULTS))
    wanted = [arguments.only] if arguments.only else seeds(arguments.seed, arguments.fault or ())
    try:
        plans = (RunPlan.of(seed) for seed in itertools.islice(wanted, runs))
        outcomes, seconds = _play(plans, arguments.state, arguments.seconds)
    except UnknownFault as error:
        print(f"error: --only {error}", file=sys.stderr)
        return 2
    print(f"\n{report.table(outcomes)}")
    if arguments.out:
        arguments.out.write_text(json.dumps(report.record(outcomes, arguments.seed, seconds), indent=1) + "\n")
    violations = [outcome for outcome in outcomes if outcome.result == "VIOLATION"]
    print(f"{len(outcomes)} runs in {seconds:.0f} s, {len(violations)} violations")
    for outcome in violations:
        print(f"repeat: python -m tests.chaos --only {outcome.seed}")
    return 1 if violations else 0


def _play(plans: Iterable[RunPlan], state: Path | None, limit: float | None) -> tuple[list[Outcome], float]:
    folder = state or Path(tempfile.mkdtemp(prefix="atelier-chaos-"))
    began = time.monotonic()
    outcomes: list[Outcome] = []
    try:
        with Stack(folder) as stack:
            for outcome in Suite(stack, Clips(folder / "clips")).play(plans, limit):
                outcomes.append(outcome)
                print(report.line(outcome), flush=True)
    finally:
        if state is None and not any(outcome.result == "VIOLATION" for outcome in outcomes):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"the stack's logs are in {folder / 'logs'}")
    return outcomes, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
