"""The real client program against a stack."""

import json
import subprocess
import sys
from typing import Any

from tests.end_to_end.local_stack import ROOT, LocalStack


def client(stack: LocalStack, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """(exit code, the JSON on stdout, stderr) of `python -m client ... --json`."""
    command = [sys.executable, "-m", "client", "--endpoint", stack.url, "--storage", stack.endpoints["data_storage"]]
    done = subprocess.run(
        [*command, *arguments, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )
    lines = done.stdout.strip().splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else {}, done.stderr
