"""Checkov in an environment of its own: it pins dozens of packages, some at other versions than the app's.

python -m tests.infra.checkov_environment     make the environment (270 MB in .local/), which the test does too
"""

import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
CONSTRAINTS = Path(__file__).parent / "checkov-constraints.txt"
VERSION = "3.3.30"
ENVIRONMENT = REPOSITORY / ".local" / f"checkov-{VERSION}"
_DONE = ENVIRONMENT / ".installed"


def checkov() -> Path:
    """The program, installed where it is not yet.

    Raises:
        subprocess.CalledProcessError: pip could not install it; its own words are on stderr.
    """
    if not _DONE.exists() or _DONE.read_text() != CONSTRAINTS.read_text():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        pip = [ENVIRONMENT / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-input", f"checkov=={VERSION}", "-c", CONSTRAINTS], check=True)
        _DONE.write_text(CONSTRAINTS.read_text())
    return ENVIRONMENT / "bin" / "checkov"


if __name__ == "__main__":
    print(checkov())
