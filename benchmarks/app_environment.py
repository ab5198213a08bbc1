"""A virtual environment with what the deployed Function App installs, and nothing else.

It matters to start-up: several of its packages import what they find. Azure's SDKs load aiohttp where it is installed,
for one, and a developer's environment has it.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = ("requirements.txt", "constraints.txt")


def app_python() -> Path:
    """The interpreter of that environment, made on first use and for each set of requirements (half a minute)."""
    wanted = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in FILES)).hexdigest()
    folder = ROOT / ".local" / "benchmarks" / f"app-{wanted[:12]}"
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        print(f"installing requirements.txt into {folder}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        subprocess.run([*command, "-r", FILES[0], "-c", FILES[1]], cwd=ROOT, check=True)
        done.touch()
    return python
