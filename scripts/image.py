"""Takes the steps of gpu_task/Dockerfile without Docker, in an empty folder, and tells what each layer adds.

python -m scripts.image FOLDER [--build-arg NAME=VALUE ...]

`FOLDER/<stage>` stands for /opt/atelier of that stage; the last stage is what the image would be. What only the
system can do (apt-get, useradd) is not done: this machine needs a C++ compiler of its own for compiled networks.
What it runs is `FOLDER/task/venv/bin/python -m gpu_task`, with the environment that is printed at the end.
"""

import argparse
import fnmatch
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.dockerfile import DockerfileError, Stage, Step, read_dockerfile

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "gpu_task" / "Dockerfile"
IMAGE_ROOT = "/opt/atelier"
SYSTEM_COMMANDS = ("apt-get", "useradd")
# Not built here: python:3.13-slim-trixie unpacked, and g++ with what it needs (Debian's Installed-Size, added up).
BASE_BYTES, COMPILER_BYTES = 125_000_000, 246_000_000


@dataclass(frozen=True)
class Layer:
    """What one step added, in bytes; None where it was not taken here."""

    stage: str
    step: str
    size: int | None


@dataclass
class Built:
    """A stage as it stands: its folder, and its variables."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)


class ImageBuilder:
    """`arguments` are those of `docker build --build-arg`."""

    def __init__(self, folder: Path, arguments: Mapping[str, str], context: Path = ROOT) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty; name a new folder")
        self._folder, self._given, self._context = folder, arguments, context
        self._ignored = ignored_names(context / ".dockerignore")
        self._built: dict[str, Built] = {}

    def build(self, stages: Mapping[str, Stage]) -> list[Layer]:
        """Every stage in order. Raises: DockerfileError, subprocess.CalledProcessError for a command that fails."""
        steps = [step for stage in stages.values() for step in stage.steps]
        unknown = self._given.keys() - {name for step in steps if step.kind == "ARG" for name in step.pairs}
        if unknown:
            raise DockerfileError(f"--build-arg {', '.join(sorted(unknown))}: the Dockerfile has no such ARG")
        return [layer for stage in stages.values() for layer in self._stage(stage)]

    def environment(self, stage: str) -> dict[str, str]:
        return self._built[stage].environment

    def _stage(self, stage: Stage) -> list[Layer]:
        folder = self._folder / stage.name
        here = Built(folder)
        if base := self._built.get(stage.base):
            # Hard links: a copy of the packages would be gigabytes. pip writes none of them twice.
            shutil.copytree(base.folder, folder, symlinks=True, copy_function=os.link)
            here.environment = {
                key: value.replace(str(base.folder), str(folder)) for key, value in base.environment.items()
            }
        else:
            folder.mkdir(parents=True)
        self._built[stage.name] = here
        return [self._take(here, stage, step) for step in stage.steps if step.kind in ("COPY", "RUN", "ARG", "ENV")]

    def _take(self, here: Built, stage: Stage, step: Step) -> Layer:
        text = f"{step.kind} {step.text}"
        if step.kind == "RUN" and step.text.startswith(SYSTEM_COMMANDS):
            return Layer(stage.name, text, None)
        before = _size(here.folder)
        match step.kind:
            case "ARG":
                given = {key: self._given.get(key, value) for key, value in step.pairs.items()}
                here.arguments |= {key: self._placed(here, value) for key, value in given.items()}
            case "ENV":
                here.environment |= {key: self._placed(here, value) for key, value in step.pairs.items()}
            case "COPY":
                self._copy(here, step.text.split())
            case _:
                self._run(here, step.text)
        return Layer(stage.name, text, _size(here.folder) - before)

    def _placed(self, here: Built, text: str) -> str:
        """Paths of the image as paths of the stage's folder; `$PATH` as it stands."""
        known = here.environment.get("PATH", os.pathsep.join([str(_base_python()), os.environ["PATH"]]))
        return text.replace(IMAGE_ROOT, str(here.folder)).replace("$PATH", known)

    def _copy(self, here: Built, words: list[str]) -> None:
        origin = self._context
        if words[0].startswith("--from="):
            origin = self._built[words.pop(0).removeprefix("--from=")].folder
        *sources, target = words
        for name in sources:
            source = origin / name.removeprefix(IMAGE_ROOT).lstrip("/")
            place = here.folder / target
            if source.is_dir():
                shutil.copytree(source, place, dirs_exist_ok=True, ignore=self._ignore)
            else:
                shutil.copy(source, place / source.name if place.is_dir() else place)

    def _ignore(self, folder: str, names: list[str]) -> set[str]:
        return {name for name in names if is_ignored(name, self._ignored)}

    def _run(self, here: Built, command: str) -> None:
        environment = {"PATH": self._placed(here, "$PATH"), "HOME": str(self._home()), "LANG": "C.UTF-8"}
        environment |= {key: value for key, value in {**here.arguments, **here.environment}.items() if value}
        command = command.replace(IMAGE_ROOT, str(here.folder))
        subprocess.run(["/bin/sh", "-c", command], cwd=here.folder, env=environment, check=True)

    def _home(self) -> Path:
        """What tools leave in a home folder belongs to no stage."""
        home = self._folder / "home"
        home.mkdir(exist_ok=True)
        return home


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.image", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="a new or empty folder; some 6 GB")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args(arguments)
    given = {name: value for name, _, value in (text.partition("=") for text in options.build_arg)}
    try:
        builder = ImageBuilder(options.folder.absolute(), given)
        layers = builder.build(read_dockerfile(DOCKERFILE))
    except (DockerfileError, FileExistsError, subprocess.CalledProcessError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(report(layers))
    print("\n".join(f"{key}={value}" for key, value in builder.environment("task").items()))
    return 0


def report(layers: Sequence[Layer]) -> str:
    """A table of layers: stage, step and megabytes, and what the image comes to. Stages that are only copied from do
    not count."""
    counted = [layer for layer in layers if layer.stage != "features"]
    total = BASE_BYTES + COMPILER_BYTES + sum(layer.size or 0 for layer in counted)
    rows = [f"{'base':10} {BASE_BYTES / 1e6:9.1f} MB  python:3.13-slim-trixie (estimate)"]
    for layer in layers:
        if layer.size is None:
            size = COMPILER_BYTES if "apt-get" in layer.step else 0
            rows.append(f"{layer.stage:10} {size / 1e6:9.1f} MB  {layer.step[:90]} (not taken here; estimate)")
        elif layer.step.startswith(("COPY", "RUN")):
            rows.append(f"{layer.stage:10} {layer.size / 1e6:9.1f} MB  {layer.step[:90]}")
    return "\n".join([*rows, f"{'image':10} {total / 1e6:9.1f} MB  unpacked"])


def ignored_names(path: Path) -> list[str]:
    """File names that never go into the context. Which folders do is said by the Dockerfile's own COPY lines."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    patterns = [line for line in lines if line and not line.startswith(("#", "!")) and line != "*"]
    return [pattern.rpartition("/")[2] for pattern in patterns]


def is_ignored(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _size(folder: Path) -> int:
    return sum(os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder) for name in names)


def _base_python() -> Path:
    """Folder of the interpreter that stands for the base image's, whatever virtual environment this runs in."""
    return Path(sys.base_prefix) / "bin"


if __name__ == "__main__":
    sys.exit(main())
