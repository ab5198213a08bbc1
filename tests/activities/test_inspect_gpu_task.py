"""What becomes of a task that says nothing, against a real Batch service and real storage."""

import json
import sys
from collections.abc import Iterator

import pytest

from activities import batch, storage
from activities.end_run import mark_ended
from activities.inspect_gpu_task import inspect_gpu_task
from contracts import layout
from contracts.fit import FitProgress
from contracts.messages import GpuResult
from contracts.steps import EndInput, Inspection, TaskRef
from tests.activities.fits import leave_weights, new_fit, weights_for
from tests.azurite import Azurite
from tests.job_services import job_of, services, start_of, write_start
from tests.local.batch_service.local_batch import LocalBatch, until

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]


@pytest.fixture(scope="module")
def service(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBatch]:
    folder, command = tmp_path_factory.mktemp("batch"), f"{sys.executable} -c 'exit(1)'"
    with (
        pytest.MonkeyPatch.context() as patch,
        services(azurite, folder, patch, BATCH_TASK_COMMAND=command) as running,
    ):
        yield running


@pytest.fixture
def task(service: LocalBatch, request: pytest.FixtureRequest) -> TaskRef:
    job = job_of(request)
    write_start(start_of(job))
    return TaskRef(job=job, run=1, chunk=0, attempt=1, task="c00000-a1", instance_id=f"{job}:r1:c00000")


def ended(task: TaskRef) -> Inspection:
    """The inspection of the task once Batch has run it; it ends with exit code 1."""
    batch.create_task(layout.batch_job(task.job, task.run), task.task, "http://127.0.0.1/spec")
    return until(lambda: found if (found := inspect_gpu_task(task)).state == "finished" else None)


def leave(task: TaskRef, record: object) -> None:
    name = layout.timings_blob(task.job, task.task, task.run)
    storage.system_account().write_text(layout.LOGS, name, json.dumps(record))


def test_a_task_that_batch_does_not_know_is_missing(task: TaskRef) -> None:
    assert inspect_gpu_task(task).state == "missing"


def test_a_task_that_ended_without_a_word_has_its_exit_code_for_a_reason(task: TaskRef) -> None:
    result = ended(task).result
    assert result is not None
    assert (result.outcome, result.cause) == ("failed", None)
    assert "ended without a result: exit code 1" in (result.reason or "")


def test_the_result_that_a_task_left_beside_its_log_makes_up_for_a_lost_message(task: TaskRef) -> None:
    said = GpuResult(**task.about(), outcome="failed", cause="frame", reason="frame 7 is damaged", bad_frames=((7, 9),))
    leave(task, {"seconds": {}, "result": said.model_dump(mode="json")})
    assert ended(task).result == said


@pytest.mark.parametrize(
    "record",
    [
        {},
        [],
        {"result": None},
        {"result": {"outcome": "failed"}},
        {"result": {"outcome": "failed", "seconds": {"total": 1e300}}},
    ],
)
def test_what_is_no_result_is_not_taken_for_one(task: TaskRef, record: object) -> None:
    leave(task, record)
    result = ended(task).result
    assert result is not None
    assert "ended without a result" in (result.reason or "")


def test_a_result_about_another_task_counts_for_the_task_that_left_it(task: TaskRef) -> None:
    other = TaskRef(job="other", run=1, chunk=5, attempt=1, task="c00005-a1", instance_id="other:r1:c00005")
    leave(task, {"result": GpuResult(**other.about(), outcome="failed", reason="x").model_dump(mode="json")})
    result = ended(task).result
    assert result is not None
    assert result.about() == task.about()


def test_a_success_without_output_is_none(task: TaskRef) -> None:
    leave(task, {"result": GpuResult(**task.about(), outcome="succeeded").model_dump(mode="json")})
    result = ended(task).result
    assert result is not None
    assert result.outcome == "failed"


def test_a_task_of_a_run_that_is_over_has_ended(task: TaskRef) -> None:
    mark_ended(EndInput(job=task.job, run=1, outcome="cancelled"))
    assert inspect_gpu_task(task).state == "ended"


def test_a_fit_whose_message_was_lost_succeeded_if_its_weights_are_there_and_its_own_words_are_believed(
    service: LocalBatch,
) -> None:
    start, choice = new_fit()
    instance = layout.model_instance(start.job, 1)
    task = TaskRef(job=start.job, run=1, chunk=None, attempt=1, task="fit-a1", instance_id=instance)
    said = GpuResult(**task.about(), outcome="succeeded", fit=FitProgress(step=3, steps=3, style=0.5), device="T4")
    leave(task, {"seconds": {}, "result": said.model_dump(mode="json")})
    assert ended(task).result != said  # nothing was written yet
    leave_weights(choice, weights_for(choice))
    assert inspect_gpu_task(task).result == said
