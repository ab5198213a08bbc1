import pytest
from azure.batch import models

from tests.local.batch_service.local_batch import LocalBatch, settings, until


def _tasks(prefix: str, count: int, payload: int = 0) -> list[models.BatchTaskCreateOptions]:
    environment = settings(PAYLOAD="x" * payload)
    return [
        models.BatchTaskCreateOptions(id=f"{prefix}{number}", command_line="true", environment_settings=environment)
        for number in range(count)
    ]


def test_hundreds_of_tasks_are_added_and_run(batch: LocalBatch) -> None:
    job = batch.create_job()
    added = batch.client.create_tasks(job, _tasks("t", 250))
    assert len(added.result_values) == 250
    until(lambda: batch.client.get_job_task_counts(job).task_counts.succeeded == 250)
    counts = batch.client.get_job_task_counts(job)
    assert (counts.task_counts.active, counts.task_counts.running, counts.task_counts.failed) == (0, 0, 0)
    assert counts.task_slot_counts.completed == 250


def test_a_task_that_exists_is_told_and_counts_as_added(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    batch.client.create_tasks(job, _tasks("t", 1))
    again = batch.client.create_tasks(job, _tasks("t", 2))
    assert sorted(result.error.code if result.error else "" for result in again.result_values) == ["", "TaskExists"]


def test_one_bad_task_does_not_hold_up_the_others(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    tasks = [*_tasks("t", 1), models.BatchTaskCreateOptions(id="bad id", command_line="true")]
    with pytest.raises(models.CreateTasksError) as refused:
        batch.client.create_tasks(job, tasks)
    assert [result.error.code for result in refused.value.failure_tasks] == ["InvalidPropertyValue"]
    assert [task.id for task in batch.client.list_tasks(job)] == ["t0"]


def test_requests_above_a_megabyte_are_refused_so_that_the_client_splits_them(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    added = batch.client.create_tasks(job, _tasks("t", 90, payload=15_000))
    assert len(added.result_values) == 90


def test_a_task_above_a_megabyte_is_refused(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    with pytest.raises(models.CreateTasksError) as refused:
        batch.client.create_tasks(job, _tasks("t", 1, payload=1_100_000))
    assert refused.value.errors[0].error.code == "RequestBodyTooLarge"


def test_lists_come_in_pages_filtered_and_selected(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    batch.client.create_tasks(job, _tasks("a", 7) + _tasks("b", 3))
    assert len(list(batch.client.list_tasks(job, max_results=2))) == 10
    found = list(batch.client.list_tasks(job, filter="startswith(id, 'b')", select=["id"], max_results=2))
    assert {task.id for task in found} == {"b0", "b1", "b2"}
    assert all(task.command_line is None for task in found)


def test_pages_go_on_where_they_were_though_tasks_are_deleted_meanwhile(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    for number in range(6):
        batch.create_task(job, "true", id=f"t{number}")
    pages = batch.client.list_tasks(job, max_results=2).by_page()
    first = [task.id for task in next(pages)]
    batch.client.delete_task(job, first[0])
    assert [task.id for page in pages for task in page] == ["t2", "t3", "t4", "t5"]
