"""Cancelling, from each of its doors: nothing runs on, nothing is left behind but logs, and what was spent is known."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.local_stack import ROOT, LocalStack, make_clip, wait_for

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]

# One node, so that one task runs and the others wait; a price of 1 a second.
SETTINGS = {"GUARD_SECONDS": "1", "NODE_PRICE_PER_HOUR": "3600"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("stack"), nodes=1, settings=SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 frames that are painted: minutes of work, which none of these tests waits for."""
    return make_clip(tmp_path_factory.mktemp("clips") / "long.mp4", frames=400, size=(320, 192), sound=False)


def submit(stack: LocalStack, clip: Path, name: str) -> str:
    stack.upload(clip, name)
    return stack.submit(video=name, style="starry-night", options={"chunk_size": 8})


def by_http(stack: LocalStack, job: str) -> None:
    answer = stack.delete(job)
    assert (answer.status_code, answer.json()) == (202, {"job": job, "runtimeStatus": "Terminated"})


def by_client(stack: LocalStack, job: str) -> None:
    command = [sys.executable, "-m", "client", "--endpoint", stack.url, "cancel", job]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr


def by_durable(stack: LocalStack, job: str) -> None:
    assert stack.durable("POST", f"instances/{job}/terminate?reason=enough").status_code == 202


def require_nothing_left(stack: LocalStack, job: str, run: int = 1) -> dict[str, Any]:
    """The job, once all of it has ended."""
    stack.wait(job)
    wait_for(lambda: not stack.gpu_task_pids(), 20)
    wait_for(lambda: not stack.instances_under_way(job), 20)  # chunks and the guard too
    wait_for(lambda: stack.waiting("gpu-tasks") == 0, 20)
    wait_for(lambda: stack.active_batch_jobs() == [], 20)
    kept = {"index.json", "plan.json", "start.json", *(f"ended-r{number}.json" for number in range(1, run + 1))}
    assert {name.removeprefix(f"{job}/") for name in stack.system_blobs("jobs", f"{job}/")} <= kept
    assert stack.system_blobs("jobs", "active/") == []
    return stack.job(job)


@pytest.mark.parametrize("cancel", [by_http, by_client, by_durable])
def test_tasks_stop_messages_go_and_intermediates_too_but_logs_stay_and_the_cost_is_known(
    stack: LocalStack, long_clip: Path, cancel: Any
) -> None:
    job = submit(stack, long_clip, f"{cancel.__name__}.mp4")
    logs = wait_for(lambda: stack.system_blobs("logs", f"{job}/"), 90)  # one task is done, the next is on its way
    wait_for(stack.gpu_task_pids, 30)
    cancel(stack, job)

    ended = require_nothing_left(stack, job)
    status = ended["customStatus"]
    assert (ended["runtimeStatus"], status["phase"]) == ("Terminated", "cancelled")
    assert status["cost"] > 0  # a node costs 1 a second, and a task has ended
    assert status["reason"] == ("terminated from outside: enough" if cancel is by_durable else "cancelled by its user")
    assert set(logs) <= set(stack.system_blobs("logs", f"{job}/"))
    assert stack.durable("GET", f"instances/{job}").json()["runtimeStatus"] == "Terminated"
    assert stack.delete(job).status_code == 409
    assert job in [entry["job"] for entry in stack.jobs()]
    assert not [entry for entry in stack.jobs() if "guard" in entry["job"]]


def test_a_job_cancelled_before_any_task_ran_costs_nothing(stack: LocalStack, long_clip: Path) -> None:
    first = submit(stack, long_clip, "first.mp4")
    wait_for(stack.gpu_task_pids, 60)
    second = submit(stack, long_clip, "second.mp4")  # the one node is taken
    wait_for(lambda: stack.job(second)["customStatus"].get("phase") == "scoring", 30)
    by_http(stack, second)
    stack.wait(second)
    assert stack.job(second)["customStatus"]["cost"] == 0
    assert stack.gpu_task_pids()  # the other job's goes on
    by_durable(stack, first)
    require_nothing_left(stack, first)
    assert require_nothing_left(stack, second)["customStatus"]["cost"] == 0
    logs = stack.system_blobs("logs", f"{second}/")
    assert [name for name in logs if "summary" not in name] == []  # no task has left one


def test_a_cancelled_job_is_tried_again_from_its_start(stack: LocalStack, clip: Path) -> None:
    stack.upload(clip, "again.mp4")
    job = stack.submit(video="again.mp4", scorer="identity", options={"chunk_size": 20})
    wait_for(stack.gpu_task_pids, 60)
    by_http(stack, job)
    stack.wait(job)
    assert stack.retry(job).status_code == 202
    assert stack.wait(job)["runtimeStatus"] == "Completed"
    assert stack.retry(job).status_code == 409
    ended = require_nothing_left(stack, job, run=2)
    assert (ended["customStatus"]["phase"], ended["customStatus"]["chunks_done"]) == ("finished", 3)


def test_a_job_terminated_while_the_host_is_down_is_cleaned_up_when_it_is_back(
    stack: LocalStack, long_clip: Path
) -> None:
    job = submit(stack, long_clip, "down.mp4")
    wait_for(stack.gpu_task_pids, 60)
    wait_for(lambda: stack.waiting("gpu-tasks") == 0)  # a message that a dead host holds is hidden for minutes
    by_durable(stack, job)
    stack.kill()  # the word is on disk, nobody has acted on it
    stack.start()
    ended = require_nothing_left(stack, job)
    assert ended["customStatus"]["phase"] == "cancelled"


def test_a_guard_ends_with_a_job_that_nobody_cancels(stack: LocalStack, clip: Path) -> None:
    stack.upload(clip, "quiet.mp4")
    job = stack.submit(video="quiet.mp4", scorer="identity")
    wait_for(lambda: stack.instances_under_way(job), 20)
    assert f"{job}:r1:guard" in stack.instances_under_way(job)
    assert stack.wait(job)["runtimeStatus"] == "Completed"
    require_nothing_left(stack, job)


def test_a_task_that_outlives_its_cancelled_run_leaves_nothing_behind(stack: LocalStack, long_clip: Path) -> None:
    job = submit(stack, long_clip, "late.mp4")
    wait_for(stack.gpu_task_pids, 60)
    for pid in stack.gpu_task_pids():
        os.kill(pid, signal.SIGSTOP)  # deaf to the first word of its end
    by_durable(stack, job)
    wait_for(lambda: stack.system_blobs("jobs", f"{job}/ended-r1.json"), 30)
    # What a task had under way when it was told to stop may land after the first clean-up.
    late = stack.system.get_blob_client("jobs", f"{job}/segments/c00000-a1-r1.mp4")
    late.upload_blob(b"uploaded in the very moment")
    require_nothing_left(stack, job)
