"""In place of pip's gigabytes: the packages that gpu_task/requirements.txt names, and those that they ask for, linked
from this environment; no others, so that one which is missing there is missed.
"""

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.gpu_task.conftest import ROOT


def link_packages(target: Path) -> None:
    target.mkdir()
    for found in required((ROOT / "gpu_task" / "requirements.txt").read_text()):
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            link = target / top
            if not link.exists():
                link.symlink_to(Path(str(found.locate_file(top))))


def required(requirements: str) -> list[Distribution]:
    """What the lines ask for, and what that asks for."""
    lines = [line for line in requirements.splitlines() if line and not line.startswith("#")]
    todo, found = [Requirement(line) for line in lines], dict[str, Distribution]()
    while todo:
        wanted = todo.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if name in found or (
            wanted.marker and not any(wanted.marker.evaluate({"extra": e}) for e in ("", *wanted.extras))
        ):
            continue
        found[name] = distribution(name)
        asked = [Requirement(text) for text in found[name].requires or ()]
        todo += [
            r for r in asked if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in ("", *wanted.extras))
        ]
    return list(found.values())
