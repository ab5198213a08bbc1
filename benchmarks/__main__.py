"""Lists the benchmarks, or runs the named ones; each is a command of its own too.

python -m benchmarks [all | NAME ...]      names may be spelt with a hyphen
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks import machine
from benchmarks.report import RESULTS

# Of speed, in the order of `all`: the quick ones first, so that a machine that cannot run them says so early.
SPEED = ("start_up", "stitch", "fan_out", "scoring", "one_machine")
ABOUT = {
    "scoring": "one worker: milliseconds a frame beside the bare network and beside Johnson's",
    "one_machine": "the whole system beside a single process and beside Ray Data",
    "fan_out": "what the workflow adds to many tasks that do nothing but wait",
    "stitch": "joining segments beside FFmpeg's own concat",
    "start_up": "how long the Function App takes to import",
    "quality": "how good the styles are (its own page: docs/quality.md); takes hours, not part of all",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when a benchmark failed, 2 when a name is unknown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="all, or some of: " + ", ".join(ABOUT))
    wanted = [name.replace("-", "_") for name in parser.parse_args(arguments).names]
    if not wanted:
        print(listing())
        return 0
    if unknown := [name for name in wanted if name not in ABOUT and name != "all"]:
        print(f"error: there is no benchmark {unknown[0]!r}; there are: all, {', '.join(ABOUT)}", file=sys.stderr)
        return 2
    if busy := machine.busy():
        print(f"warning: {busy}", file=sys.stderr)
    names = list(dict.fromkeys(one for name in wanted for one in (SPEED if name == "all" else (name,))))
    failed = [name for name in names if not _run(name)]
    if "all" in wanted:
        subprocess.run([sys.executable, "-m", "benchmarks.performance"], check=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def listing() -> str:
    lines = [f"  {name:<12} {about}" for name, about in ABOUT.items()]
    return "\n".join(["python -m benchmarks NAME, or all for those of speed; figures go to " + _shown(), *lines])


def _shown() -> str:
    return f"{RESULTS.parent.name}/{RESULTS.name}/"


def _run(name: str) -> bool:
    print(f"== {name}", flush=True)
    began = time.monotonic()
    code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode
    print(f"== {name}: {f'failed ({code})' if code else 'done'} in {time.monotonic() - began:.0f} s", flush=True)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
