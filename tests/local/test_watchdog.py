import os
import signal
import subprocess
import sys

import pytest

from local.watchdog import Watchdog

pytestmark = pytest.mark.timeout(30)


def _sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "60"], start_new_session=True)


def test_groups_are_ended_when_it_closes_but_not_those_taken_off() -> None:
    watchdog = Watchdog(signal.SIGTERM)
    with _sleeper() as watched, _sleeper() as spared:
        watchdog.add(watched.pid)
        watchdog.add(spared.pid)
        watchdog.remove(spared.pid)
        watchdog.close()
        assert watched.wait() == -signal.SIGTERM
        assert spared.poll() is None
        spared.kill()


def test_groups_are_ended_when_its_process_is_killed() -> None:
    program = "import os, subprocess, time\nfrom local.watchdog import Watchdog\n" + (
        "child = subprocess.Popen(['sh', '-c', 'sleep 60 & wait'], start_new_session=True)\n"
        "watchdog = Watchdog(); watchdog.add(child.pid); print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        group = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    while True:  # the time-out guards
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            break


def test_a_killed_helper_is_replaced_and_knows_all_groups() -> None:
    watchdog = Watchdog()
    with _sleeper() as early, _sleeper() as late:
        watchdog.add(early.pid)
        os.kill(watchdog.pid, signal.SIGKILL)
        os.waitid(os.P_PID, watchdog.pid, os.WEXITED | os.WNOWAIT)
        watchdog.add(late.pid)
        watchdog.close()
        assert early.wait() == late.wait() == -signal.SIGKILL
