"""An `ffmpeg` to be measured against. It is nobody's dependency here: the product brings FFmpeg's libraries in PyAV."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REQUIREMENT = "imageio-ffmpeg==0.8.1"  # a wheel around one static binary
FOLDER = ROOT / ".local" / "benchmarks" / "imageio-ffmpeg"
BINARY = "imageio_ffmpeg/binaries/ffmpeg-*"
INSTALL_SECONDS = 300


class FfmpegMissingError(Exception):
    """There is none, and none could be installed; the message says why."""


def ffmpeg(folder: Path = FOLDER) -> Path:
    """The system's own, if there is one, else that of a wheel, installed apart on first use (30 MB).

    Raises:
        FfmpegMissingError
    """
    if found := find(folder):
        return found
    _install(folder)
    if found := find(folder):
        return found
    raise FfmpegMissingError(f"{REQUIREMENT} in {folder} holds no binary for this platform; install ffmpeg")


def find(folder: Path = FOLDER) -> Path | None:
    """The one that is there already."""
    found = [Path(program)] if (program := shutil.which("ffmpeg")) else sorted(folder.glob(BINARY))
    return found[0] if found else None


def version(program: Path) -> str:
    """`ffmpeg version 7.0.2-static`, say."""
    said = subprocess.run([str(program), "-version"], check=True, capture_output=True, text=True).stdout
    return " ".join(said.split()[:3])


def _install(folder: Path) -> None:
    print(f"installing {REQUIREMENT} into {folder}", file=sys.stderr, flush=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), REQUIREMENT]
    try:
        subprocess.run(install, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise FfmpegMissingError(f"{REQUIREMENT} could not be installed ({error}); install ffmpeg") from error
