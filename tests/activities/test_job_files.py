"""What all chunks of a job look up is read once, on real storage."""

import uuid
from collections.abc import Iterator

import pytest
from azure.core.exceptions import ResourceNotFoundError

from activities import job_files, storage
from contracts import layout
from contracts.job import JobRequest, StartInput
from tests.azurite import Azurite
from tests.job_services import accounts_only


@pytest.fixture(autouse=True)
def job(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with accounts_only(azurite, monkeypatch):
        yield f"clip-{uuid.uuid4().hex[:12]}"


def write(job: str, run: int) -> None:
    request = JobRequest(video="clip.mp4", scorer="identity")
    start = StartInput(job=job, run=run, request=request, video_etag="0x1", video_bytes=1)
    storage.system_account().write_json(layout.JOBS, layout.start_blob(job), start)


def test_a_file_is_read_once_for_all_chunks_of_a_run(job: str) -> None:
    write(job, 1)
    first = job_files.read_start(job, 1)
    storage.system_account().container(layout.JOBS).delete_blob(layout.start_blob(job))
    assert job_files.read_start(job, 1) is first


def test_another_run_reads_its_own(job: str) -> None:
    write(job, 1)
    assert job_files.read_start(job, 1).run == 1
    write(job, 2)
    assert job_files.read_start(job, 2).run == 2


def test_a_file_that_was_not_there_is_looked_for_again(job: str) -> None:
    with pytest.raises(ResourceNotFoundError):
        job_files.read_start(job, 1)
    write(job, 1)
    assert job_files.read_start(job, 1).job == job


def test_what_is_kept_is_bounded(job: str) -> None:
    write(job, 1)
    first = job_files.read_start(job, 1)
    for run in range(2, 2 + job_files.KEPT_JOBS):
        job_files.read_start(job, run)
    assert job_files.read_start(job, 1) is not first
