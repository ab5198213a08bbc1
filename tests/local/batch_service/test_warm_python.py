"""Warm nodes: a forked task is like one that was started, but for the time it takes."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.batch_service import NodeImage, PoolSettings, Warmth
from tests.local.batch_service.local_batch import LocalBatch, fresh, settings, until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only where /proc proves it safe are tasks forked"),
    pytest.mark.timeout(120),
]

LOOK = """
import json, os, resource, sys, tempfile, threading
import decimal_helper
print(json.dumps({
    "file": __file__, "name": __name__, "spec": __spec__.name, "main": sys.modules["__main__"].__file__,
    "argv": sys.argv, "orig_argv": sys.orig_argv, "path0": sys.path[0], "executable": sys.executable,
    "cwd": os.getcwd(), "environ": dict(os.environ), "tmp": tempfile.gettempdir(),
    "files": {n: os.readlink(p) for n in os.listdir("/proc/self/fd") if os.path.lexists(p := f"/proc/self/fd/{n}")},
    "leader": os.getpid() == os.getsid(0) == os.getpgid(0),
    "parent": open(f"/proc/{os.getppid()}/cmdline").read().split("\\0")[1],
    "shown": open("/proc/self/cmdline").read().rstrip("\\0").split("\\0"),
    "threads": threading.active_count(), "umask": os.umask(0o22),
    "sigchld": str(__import__("signal").getsignal(17)), "wakeup": __import__("signal").set_wakeup_fd(-1),
    "preloaded": decimal_helper.preloaded_by != os.getpid(), "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    "line": sys.stdin.read(),
}))
"""
ENDINGS = """
import atexit, os, signal, sys, threading, time
atexit.register(lambda: print("last words"))
match sys.argv[1:]:
    case ["code", number]: sys.exit(int(number))
    case ["text"]: sys.exit("no good")
    case ["raise"]: raise ValueError("its own fault")
    case ["thread"]: threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
    case ["signal", number]: os.kill(os.getpid(), int(number))
    case ["sleep"]: print(os.getpid(), flush=True); time.sleep(600)
    case ["fork"]:
        if os.fork() == 0: time.sleep(600)
        print(os.getpid(), flush=True)
    case ["memory", megabytes]: print(len(bytes(int(megabytes) << 20)))
"""


class Warm:
    """A service with a warm node, and the folder of modules that its tasks run."""

    def __init__(self, folder: Path, batch: LocalBatch) -> None:
        self.folder, self.batch = folder, batch

    def write(self, name: str, text: str) -> None:
        (self.folder / f"{name}.py").write_text(text)

    def look(self, command: str = "python -m look", **options: Any) -> dict[str, object]:
        task = self.batch.perform(command, **options)
        assert task.execution_info is not None
        assert task.execution_info.exit_code == 0, self.batch.read(task, "stderr.txt")
        return json.loads(self.batch.read(task))


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "decimal_helper.py").write_text("import os\npreloaded_by = os.getpid()\n")
    (folder / "heavy.py").write_text("import os\nimported_by = os.getpid()\n")
    (folder / "look.py").write_text(LOOK)
    (folder / "endings.py").write_text(ENDINGS)
    for path in folder.iterdir():
        os.utime(path, (1e9, 1e9))
    return folder


@pytest.fixture
def warm(tmp_path: Path, modules: Path) -> Iterator[Warm]:
    image = NodeImage(
        {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": str(modules)},
        warmth=Warmth(("decimal_helper",), ("heavy",), (("WARM", "yes"),)),
    )
    pools = (PoolSettings("main", dedicated_nodes=1, slots_per_node=2),)
    with LocalBatch(tmp_path / "batch", pools=pools, image=image) as running:
        yield Warm(modules, running)


def code(warm: Warm, command: str, **options: Any) -> tuple[int | None, str, str]:
    """(exit code, stdout, stderr)"""
    task = warm.batch.perform(command, **options)
    assert task.execution_info is not None
    said = (warm.batch.read(task, f"{name}.txt").decode() for name in ("stdout", "stderr"))
    return (task.execution_info.exit_code, *said)  # type: ignore[return-value]


# -- what a task sees --------------------------------------------------------------------------------------------------


def test_a_forked_task_sees_what_a_started_one_sees(warm: Warm) -> None:
    os.environ["OF_THE_SERVICE"] = "not of its tasks"
    try:
        task = "t1"
        job = warm.batch.create_job()
        seen = warm.look("python -m look one 'and two'", job=job, id=task, environment_settings=settings(OWN="x"))
        cold = warm.look("/usr/bin/env python -m look one 'and two'", job=job, environment_settings=settings(OWN="x"))
    finally:
        del os.environ["OF_THE_SERVICE"]
    assert seen["preloaded"] is True
    assert cold["preloaded"] is False
    assert str(seen["parent"]).endswith("zygote.py")
    environment, colds = seen.pop("environ"), cold.pop("environ")
    assert isinstance(environment, dict)
    assert isinstance(colds, dict)
    assert environment.pop("WARM") == "yes"
    own = {"HOME", "TMPDIR", "AZ_BATCH_TASK_ID", "AZ_BATCH_TASK_DIR", "AZ_BATCH_TASK_WORKING_DIR", "_"}
    assert {k: v for k, v in environment.items() if k not in own} == {k: v for k, v in colds.items() if k not in own}
    assert environment["AZ_BATCH_TASK_ID"] == task
    assert seen["tmp"] == environment["TMPDIR"]
    assert seen["cwd"] == seen["path0"] == environment["HOME"]
    for key in ("file", "name", "spec", "main", "argv", "executable", "threads", "umask", "leader", "line", "sigchld"):
        assert seen[key] == cold[key], key
    assert seen["wakeup"] == -1
    assert seen["orig_argv"] == seen["shown"] == ["python", "-m", "look", "one", "and two"]


def test_a_forked_task_has_no_open_files_but_its_own(warm: Warm) -> None:
    files = warm.look()["files"]
    assert isinstance(files, dict)
    assert files.pop("0") == "/dev/null"
    assert files.pop("1").endswith("/stdout.txt")
    assert files.pop("2").endswith("/stderr.txt")
    assert [target for target in files.values() if not target.startswith("/proc/")] == []


def test_peak_memory_is_the_tasks_own(warm: Warm) -> None:
    warm.batch.perform("python -m endings memory 300")
    assert warm.look()["peak"] < 200 * 1024  # type: ignore[operator]


def test_another_program_and_a_script_are_started_as_ever(warm: Warm) -> None:
    assert code(warm, "echo hello") == (0, "hello\n", "")
    assert code(warm, "python -c \"import os; print('heavy' in os.environ)\"") == (0, "False\n", "")


def test_a_task_with_other_settings_for_the_interpreter_starts_its_own(warm: Warm) -> None:
    assert warm.look(environment_settings=settings(PYTHONHASHSEED="0"))["preloaded"] is False
    assert warm.look(environment_settings=settings(OMP_NUM_THREADS="3"))["preloaded"] is False
    assert warm.look(environment_settings=settings(ANYTHING="0"))["preloaded"] is True


# -- how it ends -------------------------------------------------------------------------------------------------------


def test_exit_codes_and_last_words(warm: Warm) -> None:
    assert code(warm, "python -m endings") == (0, "last words\n", "")
    assert code(warm, "python -m endings code 7") == (7, "last words\n", "")
    assert code(warm, "python -m endings text") == (1, "last words\n", "no good\n")
    assert code(warm, "python -m endings thread") == (0, "thread\nlast words\n", "")
    assert code(warm, f"python -m endings signal {signal.SIGKILL}") == (137, "", "")
    assert code(warm, f"python -m endings signal {signal.SIGINT}")[0] == 130


def test_an_exception_is_told_as_python_tells_it(warm: Warm) -> None:
    for command in ("python -m endings raise", "python -m no_such_module"):
        status, _, errors = code(warm, command)
        cold_status, _, cold_errors = code(warm, f"/usr/bin/env {command}")
        assert (status, cold_status) == (1, 1)
        assert errors.splitlines()[-1] == cold_errors.splitlines()[-1]
        assert "zygote" not in errors


def test_a_folder_that_cannot_be_used_fails_the_launch(warm: Warm) -> None:
    warm.look()
    task = fresh("task")
    job = warm.batch.create_job()
    folder = next(warm.batch.state.glob("nodes/main/*/workitems")) / job / "job-1" / task
    (folder / "stdout.txt").mkdir(parents=True)
    done = warm.batch.completed(job, warm.batch.create_task(job, "python -m look", id=task))
    assert done.execution_info is not None
    assert done.execution_info.failure_info is not None
    assert "IsADirectoryError" in str(done.execution_info.failure_info.message)
    assert warm.look()["preloaded"] is True


def started(warm: Warm, job: str, how: str) -> tuple[str, int]:
    """(task, its process) of one that goes on until it is stopped."""
    task = warm.batch.create_task(job, f"python -m endings {how}")
    return task, int(until(lambda: _said(warm, job, task)).split()[0])


def _said(warm: Warm, job: str, task: str) -> bytes:
    if warm.batch.client.get_task(job, task).state == "active":
        return b""
    files = list(warm.batch.state.glob(f"nodes/main/*/workitems/{job}/job-1/{task}/stdout.txt"))
    return files[0].read_bytes() if files else b""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_terminating_a_task_kills_its_whole_group(warm: Warm) -> None:
    job = warm.batch.create_job()
    task, pid = started(warm, job, "sleep")
    warm.batch.client.terminate_task(job, task)
    assert warm.batch.completed(job, task).execution_info.exit_code == 137  # type: ignore[union-attr]
    assert not is_alive(pid)
    task, pid = started(warm, job, "fork")
    warm.batch.completed(job, task)
    until(lambda: not [p for p in _group(pid) if is_alive(p)])


def _group(pgid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if int((entry / "stat").read_text().rpartition(")")[2].split()[2]) == pgid:
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def test_a_wall_clock_limit_ends_it(warm: Warm) -> None:
    from datetime import timedelta

    from azure.batch import models

    limit = models.BatchTaskConstraints(max_wall_clock_time=timedelta(seconds=0.5))
    done = warm.batch.perform("python -m endings sleep", constraints=limit)
    assert done.execution_info is not None
    assert done.execution_info.failure_info is not None
    assert "maxWallClockTime" in str(done.execution_info.failure_info.message)


# -- the server --------------------------------------------------------------------------------------------------------


def zygote(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_task_after_a_change_of_code_runs_the_new_code_and_a_running_one_goes_on(warm: Warm) -> None:
    job = warm.batch.create_job()
    task, pid = started(warm, job, "sleep")
    old = zygote(pid)
    warm.write("decimal_helper", "import os\npreloaded_by = 0\nchanged = True\n")
    warm.write("endings2", "import decimal_helper; print(decimal_helper.changed)")
    assert code(warm, "python -m endings2") == (0, "True\n", "")
    assert is_alive(pid)
    warm.batch.client.terminate_task(job, task)
    assert warm.batch.completed(job, task).execution_info.exit_code == 137  # type: ignore[union-attr]
    until(lambda: not is_alive(old))
    os.utime(warm.folder / "decimal_helper.py", (1e9, 1e9))
    assert warm.look()["preloaded"] is True


def test_what_a_task_had_to_import_the_next_ones_find_preloaded(warm: Warm) -> None:
    warm.write("uses", "import os, heavy; print(heavy.imported_by == os.getpid())")
    assert code(warm, "python -m uses")[1] == "True\n"
    assert code(warm, "python -m uses")[1] == "False\n"


def test_a_server_that_was_killed_takes_its_tasks_along_and_another_takes_over(warm: Warm) -> None:
    job = warm.batch.create_job()
    task, pid = started(warm, job, "sleep")
    os.kill(zygote(pid), signal.SIGKILL)
    assert warm.batch.completed(job, task).execution_info.exit_code == 137  # type: ignore[union-attr]
    until(lambda: not is_alive(pid))
    assert warm.look()["preloaded"] is True


def test_with_more_threads_than_one_nothing_is_forked(warm: Warm, caplog: pytest.LogCaptureFixture) -> None:
    warm.write(
        "decimal_helper",
        "import os, threading, time\npreloaded_by = os.getpid()\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n",
    )
    os.utime(warm.folder / "decimal_helper.py", (1.1e9, 1.1e9))
    assert warm.look()["preloaded"] is False
    assert "preloading left 2 threads" in caplog.text


def test_a_module_that_cannot_be_preloaded_is_named_and_done_without(
    warm: Warm, caplog: pytest.LogCaptureFixture
) -> None:
    warm.write("decimal_helper", "raise RuntimeError('half an edit')")
    os.utime(warm.folder / "decimal_helper.py", (1.1e9, 1.1e9))
    assert code(warm, "python -m endings code 3")[0] == 3
    assert "half an edit" in caplog.text
