"""One network for all jobs that need it: whoever asks first fits, the others wait, and take over where they must."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.fits import SETTINGS, upload_style
from tests.end_to_end.local_stack import LocalStack, wait_for

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Two nodes: nothing but the claim keeps two jobs from fitting at once."""
    with LocalStack(tmp_path_factory.mktemp("stack"), nodes=2, settings=SETTINGS) as running:
        yield running


def fits_of(stack: LocalStack, job: str) -> list[str]:
    """The fit tasks that a job gave to Batch."""
    return [task for task in stack.batch_tasks(job) if task.startswith("fit-")]


def awaited_by(stack: LocalStack, job: str) -> str | None:
    """The job whose fit this one waits for."""
    status = stack.job(job)["customStatus"] or {}
    return (status.get("fit") or {}).get("job")


def completed(stack: LocalStack, job: str) -> dict[str, Any]:
    ended = stack.wait(job, 300)
    assert ended["runtimeStatus"] == "Completed", ended
    return ended


@dataclass(frozen=True)
class Together:
    """Two jobs that were started at once and need the same new network."""

    jobs: tuple[str, str]
    model: str


@pytest.fixture(scope="module")
def together(stack: LocalStack, small_clip: Path) -> Together:
    upload_style(stack, "shared.png", 1)
    for name in ("one.mp4", "two.mp4"):
        stack.upload(small_clip, name)
    one, two = (stack.submit(video=name, style="shared") for name in ("one.mp4", "two.mp4"))
    return Together((one, two), completed(stack, one)["output"]["model"])


def test_two_jobs_at_once_cause_one_fit_which_one_of_them_pays(stack: LocalStack, together: Together) -> None:
    ended = [completed(stack, job) for job in together.jobs]
    assert [job["output"]["model"] for job in ended] == [together.model] * 2
    tasks = [fits_of(stack, job) for job in together.jobs]
    assert sorted(tasks) == [[], ["fit-a1"]]
    fitting, waiting = sorted(together.jobs, key=lambda job: fits_of(stack, job), reverse=True)
    own, awaited = (stack.job(job)["customStatus"]["fit"] for job in (fitting, waiting))
    assert (own["step"], own["steps"], own["job"]) == (3, 3, None)
    assert (awaited["step"], awaited["job"]) == (3, fitting)
    assert stack.system_blobs("models") == [f"{together.model}.json", f"{together.model}.safetensors"]


def test_what_is_fitted_is_not_fitted_again_for_another_clip_or_under_another_name(
    stack: LocalStack, together: Together, small_clip: Path
) -> None:
    upload_style(stack, "same-picture.png", 1)
    stack.upload(small_clip, "three.mp4")
    for style in ("shared", "same-picture"):
        ended = completed(stack, stack.submit(video="three.mp4", style=style))
        assert ended["output"]["model"] == together.model
        assert ended["customStatus"]["fit"] is None
        assert fits_of(stack, ended["job"]) == []

    styles = {s["name"]: s for s in httpx.get(f"{stack.url}/api/styles", timeout=30).json()["styles"]}
    assert styles["starry-night"] == styles["starry-night"] | {"kind": "builtin", "blob": None, "models": []}
    for name in ("shared", "same-picture"):
        [model] = styles[name]["models"]
        assert (model["key"], model["style_blob"], model["features"]) == (together.model, "shared.png", "patches")
        assert model["job"] in together.jobs


def test_a_fit_that_is_cancelled_is_taken_over_by_the_job_that_waits_for_it(
    stack: LocalStack, small_clip: Path
) -> None:
    upload_style(stack, "left.png", 2)
    for name in ("left.mp4", "right.mp4"):
        stack.upload(small_clip, name)
    claimant = stack.submit(video="left.mp4", style="left")
    wait_for(lambda: fits_of(stack, claimant) if stack.active_batch_jobs() else None, 60)
    [pid] = wait_for(stack.gpu_task_pids, 60)
    os.kill(pid, signal.SIGSTOP)  # it would be done before anybody could wait for it
    waiter = stack.submit(video="right.mp4", style="left")
    wait_for(lambda: awaited_by(stack, waiter) == claimant, 60)
    assert stack.delete(claimant).status_code == 202

    ended = completed(stack, waiter)
    assert stack.job(claimant)["customStatus"]["phase"] == "cancelled"
    assert fits_of(stack, waiter) == ["fit-a1"]
    assert ended["customStatus"]["fit"]["job"] is None
    # A rerun of the first has nothing to fit any more.
    assert stack.retry(claimant).status_code == 202
    assert completed(stack, claimant)["output"]["model"] == ended["output"]["model"]
    assert [name for name in stack.system_blobs("logs", f"{claimant}/fit") if "-r2" in name] == []


def test_a_fit_that_is_killed_is_tried_again(stack: LocalStack, small_clip: Path) -> None:
    upload_style(stack, "killed.png", 3)
    stack.upload(small_clip, "killed.mp4")
    job = stack.submit(video="killed.mp4", style="killed")
    [pid] = wait_for(stack.gpu_task_pids, 60)
    os.kill(pid, signal.SIGKILL)

    ended = completed(stack, job)
    assert fits_of(stack, job) == ["fit-a1", "fit-a2"]
    assert (ended["customStatus"]["retries"], ended["customStatus"]["fit"]["step"]) == (1, 3)
