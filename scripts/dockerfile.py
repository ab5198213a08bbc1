"""Reads a Dockerfile: the instructions that ours uses, no others.

    FROM name@digest AS stage, FROM stage AS stage, ARG, ENV, WORKDIR, COPY [--from=stage], RUN, USER, CMD

DockerfileError: anything else.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

INSTRUCTIONS = frozenset({"ARG", "ENV", "WORKDIR", "COPY", "RUN", "USER", "CMD"})


class DockerfileError(ValueError):
    """The file is not understood; the message has the line."""


@dataclass(frozen=True)
class Step:
    """One instruction: `kind` and what follows it, continued lines joined."""

    kind: str
    text: str

    @property
    def pairs(self) -> dict[str, str]:
        """Of ARG and ENV: names and values."""
        parts = (word.partition("=") for word in shlex.split(self.text))
        return {name: value for name, _, value in parts}


@dataclass(frozen=True)
class Stage:
    """`base` is another stage's name, or an image."""

    name: str
    base: str
    steps: tuple[Step, ...]


def read_dockerfile(path: Path) -> dict[str, Stage]:
    """Stages by name, in order. Raises: DockerfileError."""
    stages: dict[str, Stage] = {}
    for line in _lines(path.read_text()):
        kind, _, text = line.partition(" ")
        if kind == "FROM":
            match text.split():
                case [base, "AS", name]:
                    stages[name] = Stage(name, base, ())
                case _:
                    raise DockerfileError(f"{line!r}: write FROM image AS name")
        elif kind not in INSTRUCTIONS or not stages:
            raise DockerfileError(f"{line!r}: expected FROM first, then {', '.join(sorted(INSTRUCTIONS))}")
        else:
            stage = stages[next(reversed(stages))]
            stages[stage.name] = Stage(stage.name, stage.base, (*stage.steps, Step(kind, text.strip())))
    return stages


def _lines(text: str) -> Iterator[str]:
    kept = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    yield from (line.strip() for line in "\n".join(kept).replace("\\\n", " ").splitlines())
