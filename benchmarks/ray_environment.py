"""A virtual environment that has Ray besides this project's own packages. Ray is nobody's dependency here."""

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The first with wheels for Python 3.13 that was measured here.
REQUIREMENT = "ray[data]==2.60.0"
FOLDER = ROOT / ".local" / "benchmarks" / REQUIREMENT.replace("[data]==", "-")
INSTALL_SECONDS = 300


class RayMissingError(Exception):
    """Ray could not be installed; the message says why."""


def ray_python(folder: Path = FOLDER) -> Path:
    """The interpreter of that environment, made on first use (576 MB, half a minute).

    Raises:
        RayMissingError: there is no network, or no wheel for this Python and platform.
    """
    python, done = folder / "bin" / "python", folder / "installed"
    if done.exists():
        return python
    print(f"installing {REQUIREMENT} into {folder}", file=sys.stderr, flush=True)
    _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)])
    share_packages(folder)
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--only-binary", ":all:"]
    _run([*install, "--disable-pip-version-check", "--no-input", REQUIREMENT, "-c", str(ROOT / "constraints.txt")])
    done.touch()
    return python


def share_packages(folder: Path) -> None:
    """This interpreter's packages are seen by the environment in `folder`, after its own."""
    ours = sysconfig.get_path("purelib")
    theirs = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (theirs / "project.pth").write_text(ours + "\n")


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RayMissingError(f"{REQUIREMENT} was not installed within {INSTALL_SECONDS} s") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise RayMissingError(f"{REQUIREMENT} could not be installed: {said}") from error
