"""What must hold once a job is over, whatever was done to it. Each check returns problems in words; none is good."""

import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from azure.core.exceptions import ResourceNotFoundError

from contracts.ledger import Ledger, LedgerIncomplete
from tests.chaos import picture
from tests.chaos.jobs import FRAMES, Job
from tests.chaos.picture import Picture
from tests.chaos.processes import task_processes
from tests.chaos.stack import Stack

# What still goes on when a job is over ends by itself: a sibling's next look, a killed host's leases (60 s in
# local/functions_host/queue_listener.py), Batch ending a job.
SETTLE_SECONDS = 60.0
QUEUE_SECONDS = 120.0


@dataclass(frozen=True)
class Expected:
    """What an undisturbed run of the same clip and chunk size gave: the frames, and how they were cut into chunks."""

    picture: Picture
    chunks: frozenset[tuple[int, int]]


def read_result(stack: Stack, state: dict[str, Any]) -> tuple[Picture, Ledger]:
    """What a completed job has published."""
    result = state["output"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        path.write_bytes(_download(stack, result["output"]))
        seen = picture.read(path)
    return seen, Ledger.model_validate_json(_download(stack, result["ledger"]))


def check_result(found: Picture, ledger: Ledger, expected: Expected) -> list[str]:
    """A completed job's video equals the undisturbed run's, and its ledger has every frame once."""
    cut_anew = [entry for entry in ledger.entries if (entry.first, entry.last) not in expected.chunks]
    frames = {number for entry in cut_anew for number in range(entry.first, entry.last + 1)}
    return picture.differences(expected.picture, found, frames) + check_ledger(ledger)


def check_ledger(ledger: Ledger) -> list[str]:
    try:
        ledger.require_complete()
    except LedgerIncomplete as error:
        return [str(error)]
    problems = [f"the ledger is of {ledger.frame_count} frames, not {FRAMES}"] if ledger.frame_count != FRAMES else []
    if ledger.bad_runs:
        problems.append(f"the ledger says frames {ledger.bad_runs} were not scored")
    return problems


def check_reason(state: dict[str, Any], pattern: str | None) -> list[str]:
    """A failed job says why, and the reason names a cause that the fault can have."""
    reason = (state["customStatus"] or {}).get("reason")
    if not reason:
        return ["the job failed and does not say why"]
    if pattern is None:
        return [f"the job failed, which this fault must not lead to: {reason}"]
    if not re.search(pattern, reason):
        return [f"the job failed with a reason that does not name the cause: {reason}"]
    return []


def check_leftovers(stack: Stack, job: Job, *, finished: bool) -> list[str]:
    """Nothing of the job goes on; asked again for a while, since some of it ends only by its next look."""
    checks = (_processes, _batch, _instances, _intermediates if finished else _unpublished)

    def look() -> list[str]:
        return [problem for check in checks for problem in check(stack, job)]

    return _settled(look, SETTLE_SECONDS)


def check_queues(stack: Stack) -> list[str]:
    """No message in any queue, in work or not; asked once no job is under way."""

    def look() -> list[str]:
        return [f"queue {name} holds {count} messages" for name, count in _waiting(stack).items() if count]

    return _settled(look, QUEUE_SECONDS)


def _settled(look: Callable[[], list[str]], seconds: float) -> list[str]:
    deadline = time.monotonic() + seconds
    while (problems := look()) and time.monotonic() < deadline:
        time.sleep(0.25)
    return problems


def _waiting(stack: Stack) -> dict[str, int]:
    return {
        queue.name: stack.queues[account].get_queue_client(queue.name).get_queue_properties().approximate_message_count
        or 0
        for account in stack.queues
        for queue in stack.queues[account].list_queues()
        if queue.name
    }


def _download(stack: Stack, blob: str) -> bytes:
    return stack.blobs["data"].get_blob_client("outputs", blob).download_blob().readall()


def _processes(stack: Stack, job: Job) -> list[str]:
    return [f"process {one.pid} of task {one.task} still runs" for one in task_processes(stack.nodes, job.id)]


def _batch(stack: Stack, job: Job) -> list[str]:
    """A job that was terminated runs nothing; tasks of it that never began stay `active`, as in Azure:
    https://learn.microsoft.com/rest/api/batchservice/jobs/terminate-job"""
    try:
        found = stack.batch.get_job(job.id)
    except ResourceNotFoundError:
        return []  # it never came to that
    if found.state != "completed":
        return [f"Batch job {job.id} is {found.state}"]
    return [f"Batch task {task.id} still runs" for task in stack.batch.list_tasks(job.id) if task.state == "running"]


def _instances(stack: Stack, job: Job) -> list[str]:
    answer = httpx.get(
        f"{stack.url}/runtime/webhooks/durabletask/instances",
        params={"runtimeStatus": "Running,Pending,Suspended", "top": "1000"},
        timeout=30,
    )
    answer.raise_for_status()
    found = [one for one in answer.json() if job.id in one["instanceId"]]
    return [f"orchestration {one['name']} {one['instanceId']} is {one['runtimeStatus']}" for one in found]


def _intermediates(stack: Stack, job: Job) -> list[str]:
    container = stack.blobs["system"].get_container_client("jobs")
    left = [
        name
        for part in ("segments", "outcomes", "specs", "progress")
        for name in container.list_blob_names(name_starts_with=f"{job.id}/{part}/")
    ]
    return [f"intermediates are left: {left}"] if left else []


def _unpublished(stack: Stack, job: Job) -> list[str]:
    container = stack.blobs["data"].get_container_client("outputs")
    left = list(container.list_blob_names(name_starts_with=f"{job.id}/"))
    return [f"a failed job has published {left}"] if left else []


def clear_queues(stack: Stack) -> None:
    for account, queues in stack.queues.items():
        for queue in queues.list_queues():
            if queue.name:
                stack.queues[account].get_queue_client(queue.name).clear_messages()
