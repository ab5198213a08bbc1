import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from local.processes import ProcessGroup, identify, is_alive, kill_group, kill_orphans


@pytest.fixture
def shell() -> "Iterator[subprocess.Popen[str]]":
    """A group of two: a shell that waits for its input, and its child; MARK=mine in their environment."""
    command = ["sh", "-c", "sleep 60 & echo $!; read line"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, env={"MARK": "mine", **os.environ}, **pipes) as process:
        yield process
        kill_group(process.pid)


def _child(shell: "subprocess.Popen[str]") -> int:
    assert shell.stdout is not None
    return int(shell.stdout.readline())


def test_a_group_is_known_as_long_as_its_leader_lives(shell: "subprocess.Popen[str]") -> None:
    group = identify(shell.pid)
    assert group is not None
    assert is_alive(group)
    assert not is_alive(ProcessGroup(group.pgid, "another start"))
    kill_group(group.pgid)
    shell.wait()
    assert not is_alive(group)
    assert identify(shell.pid) is None


def test_orphans_of_a_living_leader_are_killed_with_it(shell: "subprocess.Popen[str]") -> None:
    group = identify(shell.pid)
    assert group is not None
    assert kill_orphans(group, "MARK=mine")
    assert shell.wait() == -signal.SIGKILL


def test_orphans_of_a_dead_leader_are_known_by_their_environment(shell: "subprocess.Popen[str]") -> None:
    group, child = identify(shell.pid), _child(shell)
    assert group is not None
    assert shell.stdin is not None
    shell.stdin.write("\n")
    shell.stdin.flush()
    shell.wait()
    assert not kill_orphans(group, "MARK=another's")
    assert identify(child) is not None
    assert kill_orphans(group, "MARK=mine")


def test_a_group_that_is_gone_is_no_error(shell: "subprocess.Popen[str]") -> None:
    group = identify(shell.pid)
    assert group is not None
    kill_group(group.pgid)
    shell.wait()
    kill_group(group.pgid)
    assert not kill_orphans(ProcessGroup(group.pgid, "earlier"), "MARK=another's")
