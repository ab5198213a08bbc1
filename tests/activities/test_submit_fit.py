"""What a fit's task is told, what it is expected to take, and what is kept of one that was given up."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from azure.storage.queue import QueueServiceClient

from activities import deadletter, model_choice, storage
from activities.bury_task import bury_task
from activities.fit_estimate import expected_fit_seconds
from activities.plan_fit import plan_fit
from activities.refusal import JobRefused
from activities.settings import settings
from activities.submit_fit import submit_fit
from activities.verify_fit import verify_fit
from contracts import layout
from contracts.fit import RECIPES
from contracts.job import StartInput
from contracts.messages import GPU_TASKS_QUEUE, GpuTask
from contracts.steps import Burial, TaskRef
from contracts.task_spec import FitSpec
from tests.activities.fits import check_of, fit_start, leave_weights, new_fit, upload_style, weights_for
from tests.azurite import Azurite
from tests.job_services import accounts_only

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def accounts(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    known = {"FIT_FEATURES": "patches", "FIT_STEPS": "3", "FIT_MAX_SECONDS": "100", "NODE_PRICE_PER_HOUR": "3600"}
    with accounts_only(azurite, monkeypatch, **known, START_UP_SECONDS="8", MAX_STYLE_BYTES="9999"):
        with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
            if GPU_TASKS_QUEUE not in [known.name for known in queues.list_queues()]:
                queues.create_queue(GPU_TASKS_QUEUE)
        yield


def task_of(start: StartInput) -> TaskRef:
    instance = layout.model_instance(start.job, start.run)
    return TaskRef(job=start.job, run=start.run, chunk=None, attempt=1, task="fit-a1", instance_id=instance)


def test_a_fit_is_told_everything_that_decides_its_network() -> None:
    start = fit_start(upload_style(b"waves"), options={"style_scale": 2, "max_dimension": 1920})
    choice = model_choice.choose(start)
    assert submit_fit(task_of(start)).state == "submitted"
    blob = layout.spec_blob(start.job, "fit-a1", 1)
    spec = storage.system_account().read_json(layout.JOBS, blob, FitSpec)
    told = spec.model_dump(exclude={"identity", "style", "to", "version", "kind"})
    assert told == {
        "source": None,
        "index": None,
        "recipe": RECIPES["patches"],
        "style_scale": 2.0,
        "size_class": 1080,
        "steps": 3,
        "max_seconds": 100.0,
        "max_style_bytes": 9999,
        "max_style_pixels": settings().max_style_pixels,
    }
    assert (spec.style.etag, spec.style.size) == (start.style_etag, 5)
    assert f"/{layout.MODELS}/{choice.key}.safetensors?" in spec.to.output


def test_what_is_there_is_not_submitted_and_a_replaced_picture_is_refused() -> None:
    start, choice = new_fit()
    leave_weights(choice, weights_for(choice))
    assert submit_fit(task_of(start)).state == "done"
    other, _ = new_fit()
    assert other.style_blob is not None
    upload_style(b"another", other.style_blob)
    with pytest.raises(JobRefused, match="replaced since the job began"):
        submit_fit(task_of(other))


def test_a_fit_is_expected_to_take_what_the_last_ones_took_and_never_more_than_it_may() -> None:
    storage.system_account().delete_prefix(layout.MODELS, "")
    assert expected_fit_seconds(new_fit()[0]) == 108.0  # nothing is known yet: as long as it may take
    start, choice = new_fit()
    verify_fit(check_of(start, leave_weights(choice, weights_for(choice))))
    assert expected_fit_seconds(start) == 0.0
    fresh, _ = new_fit()
    assert expected_fit_seconds(fresh) == 20.5
    planned = plan_fit(fresh)
    assert (planned.expected_seconds, planned.expected_cost, planned.policy.fit_max_seconds) == (20.5, 20.5, 100.0)


@pytest.mark.parametrize(
    ("setting", "options", "said"),
    [
        (
            {"MAX_JOB_COST": "1"},
            {},
            "style: the expected cost of .* is over the limit of 1.00 .MAX_JOB_COST.; fit fewer",
        ),
        ({}, {"max_cost": 1}, "options.max_cost: the expected cost of"),
    ],
)
def test_a_fit_over_its_cost_is_refused_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, setting: dict[str, str], options: dict[str, Any], said: str
) -> None:
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    with pytest.raises(JobRefused, match=said):
        plan_fit(fit_start(upload_style(b"dear"), options=options))


def test_a_fit_that_was_given_up_is_kept_under_its_jobs_name_with_the_message_of_its_last_attempt() -> None:
    start, _ = new_fit()
    at = "2026-01-01T00:00:00+00:00"
    burial = Burial(**task_of(start).fields(), reason="no weights", first_failed=at, last_failed=at)
    assert bury_task(burial).blob == f"gpu-tasks/{start.job}-fit.json"
    letter = deadletter.read("gpu-tasks", f"{start.job}-fit")
    assert letter is not None
    assert (letter.job, letter.chunk, letter.attempt, letter.reason) == (start.job, None, 1, "no weights")
    assert GpuTask.model_validate(json.loads(letter.body or "")).task == "fit-a1"
