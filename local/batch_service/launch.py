"""Starts a command on a node: no shell, a session of its own, an environment made from nothing."""

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path

from local.batch_service.records import Failure


class LaunchError(Exception):
    """The command could not be started; `failure` is what the task reports."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message)


def split_command(command_line: str) -> list[str]:
    """Words of the command line, quoted as for a shell; variables and operators mean nothing. Raises LaunchError."""
    try:
        words = shlex.split(command_line)
    except ValueError as error:
        raise LaunchError("CommandLaunchFailed", f"command line {command_line!r}: {error}") from error
    if not words:
        raise LaunchError("CommandLaunchFailed", "the command line is empty")
    return words


async def launch(words: list[str], folder: Path, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Runs in <folder>/wd with output in <folder>/stdout.txt and stderr.txt. Raises LaunchError."""
    try:
        with (folder / "stdout.txt").open("wb") as output, (folder / "stderr.txt").open("wb") as errors:
            return await asyncio.create_subprocess_exec(
                *words,
                cwd=folder / "wd",
                env=dict(environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,  # a process group that can be killed as a whole
            )
    except FileNotFoundError as error:
        message = f"The specified command program is not found: {words[0]!r}"
        raise LaunchError("CommandProgramNotFound", message) from error
    except (OSError, ValueError) as error:
        raise LaunchError("CommandLaunchFailed", f"program {words[0]!r}: {error}") from error


def exit_code(returned: int) -> int:
    """A death by signal as a shell reports it: 137 for SIGKILL."""
    return 128 - returned if returned < 0 else returned
