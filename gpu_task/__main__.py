"""python -m gpu_task [COMMAND ...]

Without a command it does one task, told by the SAS URL in ATELIER_TASK_SPEC_URL: what a GPU node runs.

Commands, each with --help:
    fit                fits a style by hand
    evaluate           measures how well a fitted style paints
    export-features    writes the pretrained weights that fitting needs as small files
    compile            compiles the style network ahead, for frames of given sizes

Exit codes of a task:
    0   succeeded, and reported
    1   failed, and reported
    2   there is no spec to work from, or no such command
    3   the report could not be sent; Batch may run the task again, the workflow's own timer notices
"""

import importlib
import sys
import time
from collections.abc import Sequence

from gpu_task import environment

BEGAN = time.perf_counter()

COMMANDS = {
    "fit": "gpu_task.fit",
    "evaluate": "gpu_task.evaluate",
    "export-features": "gpu_task.export_features",
    "compile": "gpu_task.compile",
}
UNKNOWN_COMMAND = 2


def main(arguments: Sequence[str] = ()) -> int:
    """Imports what it runs and nothing else: `identity` needs no torch, and start-up seconds count the imports."""
    if not arguments:
        from gpu_task.program import run_task

        return run_task(BEGAN)
    command, *rest = arguments
    if command in COMMANDS:
        return importlib.import_module(COMMANDS[command]).main(rest)
    if command in ("-h", "--help"):
        print(__doc__)
        return 0
    print(f"no command {command!r}; there are: {', '.join(COMMANDS)}\n\n{__doc__}", file=sys.stderr)
    return UNKNOWN_COMMAND


if __name__ == "__main__":
    # A command is run by a person, whose environment it is; a task is run by Batch.
    if not sys.argv[1:]:
        environment.drop_the_rest()
    sys.exit(main(sys.argv[1:]))
