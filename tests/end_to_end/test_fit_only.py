"""Jobs that only fit a style, with a video to fit on and without; and fits that cannot be done."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.fits import SETTINGS, upload_style
from tests.end_to_end.local_stack import LocalStack, wait_for

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("stack"), nodes=1, settings=SETTINGS) as running:
        yield running


@pytest.mark.parametrize("has_video", [True, False], ids=["on a video", "without a video"])
def test_a_style_alone_is_fitted_and_a_later_job_uses_it(stack: LocalStack, small_clip: Path, has_video: bool) -> None:
    name = f"alone-{int(has_video)}"
    upload_style(stack, f"{name}.png", 10 + has_video)
    stack.upload(small_clip, f"{name}.mp4")
    request = {"style": name, "fit_only": True} | ({"video": f"{name}.mp4"} if has_video else {})
    job = stack.submit(**request)
    ended = stack.wait(job, 300)

    assert ended["runtimeStatus"] == "Completed", ended
    output, status = ended["output"], ended["customStatus"]
    assert (status["phase"], status["fit"]["step"], status["frames"], status["chunks"]) == ("finished", 3, 0, 0)
    assert output == {**dict.fromkeys(output), "job": job, "model": output["model"], "cost": output["cost"]} | {
        "frames": 0,
        "bad_frames": 0,
        "output_bytes": 0,
        "wasted_seconds": 0.0,
        "wasted_cost": 0.0,
    }
    assert output["cost"] > 0
    assert stack.batch_tasks(job) == ["fit-a1"]
    assert stack.submit(**request) == job  # done already
    assert stack.jobs()[0]["job"] == job

    scored = stack.wait(stack.submit(video=f"{name}.mp4", style=name), 200)
    assert scored["runtimeStatus"] == "Completed", scored
    assert scored["output"]["model"] == output["model"]


def test_a_fit_tells_its_progress_and_ends_with_what_it_has_when_its_time_is_over(
    new_stack: Callable[..., LocalStack],
) -> None:
    stack = new_stack(nodes=1, settings=SETTINGS | {"FIT_STEPS": "5000", "FIT_MAX_SECONDS": "12"})
    upload_style(stack, "long.png", 13)
    job = stack.submit(style="long", fit_only=True)

    def told() -> dict[str, Any] | None:
        status = stack.job(job)["customStatus"] or {}
        return status if (status.get("fit") or {}).get("step") else None

    status = wait_for(told, 120)
    assert (status["phase"], status["fit"]["steps"], status["fit"]["job"]) == ("preparing", 5000, None)
    assert status["fit"]["style"] > 0
    ended = stack.wait(job, 120)
    assert ended["runtimeStatus"] == "Completed", ended
    fit = ended["customStatus"]["fit"]
    assert status["fit"]["step"] <= fit["step"] < 5000
    assert (fit["steps"], fit["seconds_left"]) == (5000, 0.0)


def test_a_job_that_only_fits_can_be_cancelled_and_tried_again(stack: LocalStack) -> None:
    upload_style(stack, "again.png", 12)
    job = stack.submit(style="again", fit_only=True)
    wait_for(stack.gpu_task_pids, 60)
    assert stack.delete(job).status_code == 202
    ended = stack.wait(job)
    assert (ended["runtimeStatus"], ended["customStatus"]["phase"]) == ("Terminated", "cancelled")
    wait_for(lambda: not stack.gpu_task_pids(), 20)
    wait_for(lambda: not stack.instances_under_way(job), 20)
    assert stack.system_blobs("jobs", f"{job}/specs/") == []
    assert stack.system_blobs("jobs", "active/") == []

    assert stack.retry(job).status_code == 202
    again = stack.wait(job, 200)
    assert again["runtimeStatus"] == "Completed", again
    assert stack.batch_tasks(f"{job}-r2") == ["fit-a1"]


def test_what_cannot_be_fitted_is_refused_at_the_door(stack: LocalStack, small_clip: Path) -> None:
    stack.upload(small_clip, "door.mp4")
    for request, field in (
        ({"video": "door.mp4", "style": "starry-night", "options": {"style_scale": 2}}, "options.style_scale"),
        ({"video": "door.mp4", "model": "0" * 64, "options": {"style_scale": 0.5}}, "options.style_scale"),
        ({"style": "starry-night", "fit_only": True}, "style"),
    ):
        answer = stack.post(**request)
        assert answer.status_code == 400
        [error] = answer.json()["errors"]
        assert (error["field"], set(error)) == (field, {"field", "value", "problem"})


@pytest.mark.parametrize("features", ["squeezenet", "vgg19"])
def test_pretrained_weights_that_are_not_there_fail_the_job_after_one_attempt_with_the_reason(
    new_stack: Callable[..., LocalStack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str
) -> None:
    (tmp_path / "torch").mkdir()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("ATELIER_FEATURES", str(tmp_path / "torch"))
    stack = new_stack(nodes=1, settings=SETTINGS | {"FIT_FEATURES": features})
    upload_style(stack, "mine.png", 20)
    ended = stack.wait(stack.submit(style="mine", fit_only=True), 200)

    assert ended["runtimeStatus"] == "Failed", ended
    reason = ended["customStatus"]["reason"]
    assert "the style could not be fitted: 1 attempt failed" in reason
    assert features in reason
    assert stack.batch_tasks(ended["job"]) == ["fit-a1"]
    letters = stack.system_blobs("deadletter")
    assert letters == [f"gpu-tasks/{ended['job']}-fit.json"]
    letter = json.loads(stack.system.get_blob_client("deadletter", letters[0]).download_blob().readall())
    assert (letter["reason"], letter["chunk"], letter["attempt"]) == (reason, None, 1)
