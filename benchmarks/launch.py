"""Runs a command and prints, as JSON, what it printed, its wall seconds and its peak memory. Imports next to nothing.

python -S -m benchmarks.launch COMMAND [ARGUMENT ...]
"""

import json
import os
import sys
import time


def launch(command: list[str]) -> dict[str, object]:
    """Raises: SystemExit with its exit code, where that is not 0."""
    reading, writing = os.pipe()
    began = time.perf_counter()
    redirected = [(os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_CLOSE, reading)]
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=redirected)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    if code := os.waitstatus_to_exitcode(status):
        raise SystemExit(code)
    # Linux counts in KiB, macOS in bytes.
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"stdout": said, "seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": peak}


if __name__ == "__main__":
    print(json.dumps(launch(sys.argv[1:])))
