import datetime

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.local.batch_service.local_batch import LocalBatch, until


@pytest.fixture(scope="module")
def task(batch: LocalBatch) -> models.BatchTask:
    return batch.perform(
        "sh -c 'echo 0123456789; mkdir out; echo deep > out/r.txt; echo z > \"a b#é+%.txt\"'", id="files"
    )


def _job(task: models.BatchTask) -> str:
    return task.url.split("/jobs/")[1].split("/")[0]


def test_files_are_listed_with_their_properties(batch: LocalBatch, task: models.BatchTask) -> None:
    top = {file.name for file in batch.client.list_task_files(_job(task), task.id)}
    assert top == {"stdout.txt", "stderr.txt", "wd"}
    everything = {file.name: file for file in batch.client.list_task_files(_job(task), task.id, recursive=True)}
    assert everything["wd"].is_directory
    assert everything["wd/out/r.txt"].properties.content_length == 5


def test_names_with_odd_characters_can_be_read(batch: LocalBatch, task: models.BatchTask) -> None:
    assert batch.read(task, "wd/a b#é+%.txt") == b"z\n"
    assert batch.read(task, "wd/out/r.txt") == b"deep\n"


@pytest.mark.parametrize(("asked", "given"), [("bytes=2-4", b"234"), ("bytes=8-", b"89\n"), ("bytes=8-99", b"89\n")])
def test_ranges_are_honoured(batch: LocalBatch, task: models.BatchTask, asked: str, given: bytes) -> None:
    assert b"".join(batch.client.download_task_file(_job(task), task.id, "stdout.txt", ocp_range=asked)) == given


@pytest.mark.parametrize("asked", ["bytes=99-", "bytes=x-2", "bytes=-5"])
def test_ranges_outside_the_file_are_refused(batch: LocalBatch, task: models.BatchTask, asked: str) -> None:
    # Not download_task_file: on errors the SDK leaves the connection of a streamed answer open.
    with pytest.raises(HttpResponseError) as refused:
        batch.send("GET", f"/jobs/{_job(task)}/tasks/{task.id}/files/stdout.txt", {"ocp-range": asked})
    assert refused.value.status_code == 416


def test_properties_come_without_the_content(batch: LocalBatch, task: models.BatchTask) -> None:
    properties = batch.client.get_task_file_properties(_job(task), task.id, "stdout.txt")
    assert int(properties.content_length) == 11
    assert properties.is_directory is False


@pytest.mark.parametrize("name", ["nope.txt", "../../../../../../../../etc/hostname", "wd"])
def test_nothing_but_the_tasks_own_files_is_found(batch: LocalBatch, task: models.BatchTask, name: str) -> None:
    with pytest.raises(ResourceNotFoundError):
        batch.client.get_task_file_properties(_job(task), task.id, name)


def test_a_waiting_task_has_no_files(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    name = batch.create_task(job, "true")
    with pytest.raises(ResourceNotFoundError, match="TaskFilesUnavailable"):
        list(batch.client.list_task_files(job, name))


def test_a_file_can_be_deleted(batch: LocalBatch) -> None:
    task = batch.perform("true")
    batch.client.delete_task_file(_job(task), task.id, "stderr.txt")
    assert {file.name for file in batch.client.list_task_files(_job(task), task.id)} == {"stdout.txt", "wd"}


def test_files_are_kept_for_the_retention_time(batch: LocalBatch) -> None:
    brief = models.BatchTaskConstraints(retention_time=datetime.timedelta(seconds=0.1))
    job = batch.create_job()
    kept, gone = batch.perform("true", job), batch.perform("true", job, constraints=brief)
    folder = batch.state / "nodes/main" / gone.node_info.node_id / "workitems" / job / "job-1" / gone.id
    until(lambda: not folder.exists())
    with pytest.raises(ResourceExistsError, match="TaskFilesCleanedup"):
        list(batch.client.list_task_files(job, gone.id))
    assert batch.read(kept) == b""
