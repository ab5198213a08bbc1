"""A helper process that ends process groups when this process dies, even by SIGKILL.

This process writes "+<pgid>" and "-<pgid>" to the helper's standard input. When it dies, however it dies, the kernel
closes the pipe, and the helper signals every group it still knows. Unlike PR_SET_PDEATHSIG this reaches grandchildren
too, and needs no code between fork and exec in a process that has threads.

The helper runs this file as a script; it imports nothing of the package: python -I -S watchdog.py <signal number>
"""

import os
import signal
import subprocess
import sys


class Watchdog:
    """This process's end of the pipe; `last` is the signal that groups get when this process is gone."""

    def __init__(self, last: signal.Signals = signal.SIGKILL) -> None:
        self._groups: set[int] = set()
        self._last = last
        self._helper = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        # A session of its own, so that Ctrl-C in a terminal does not end it before its parent.
        command = [sys.executable, "-I", "-S", __file__, str(int(self._last))]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)

    @property
    def pid(self) -> int:
        return self._helper.pid

    def add(self, pgid: int) -> None:
        self._groups.add(pgid)
        self._tell(f"+{pgid}\n")

    def remove(self, pgid: int) -> None:
        self._groups.discard(pgid)
        self._tell(f"-{pgid}\n")

    def _tell(self, line: str) -> None:
        try:
            self._write(line)
        except BrokenPipeError:  # the helper was killed: start another, which must know all groups
            self.close()
            self._helper = self._start()
            self._write("".join(f"+{pgid}\n" for pgid in self._groups))

    def _write(self, text: str) -> None:
        assert self._helper.stdin is not None
        os.write(self._helper.stdin.fileno(), text.encode())

    def close(self) -> None:
        """Ends the helper, which signals the groups that are left."""
        assert self._helper.stdin is not None
        self._helper.stdin.close()
        self._helper.wait()


def _watch(last: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        pgid = int(line[1:])
        groups.add(pgid) if line[0] == "+" else groups.discard(pgid)
    for pgid in groups:
        try:
            os.killpg(pgid, last)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    _watch(int(sys.argv[1]))
