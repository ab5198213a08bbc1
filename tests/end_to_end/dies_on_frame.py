"""A GPU task that a frame kills: `python -m tests.end_to_end.dies_on_frame N` is `python -m gpu_task`, but for frame N.

Stands for a scorer that crashes in native code: no exception, no result, no word.
"""

import os
import signal
import sys
import urllib.request

from contracts.frame_runs import contains
from contracts.task_spec import SPEC_URL_VARIABLE, ScoreSpec, task_spec_adapter


def main() -> int:
    with urllib.request.urlopen(os.environ[SPEC_URL_VARIABLE]) as answer:
        spec = task_spec_adapter.validate_json(answer.read())
    frame = int(sys.argv[1])
    assert isinstance(spec, ScoreSpec)
    is_scored = not (spec.replacement and contains(spec.replacement.frames, frame))
    if spec.first <= frame <= spec.last and is_scored:
        os.kill(os.getpid(), signal.SIGSEGV)
    from gpu_task.__main__ import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
