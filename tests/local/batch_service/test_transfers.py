"""Resource and output files between a task and blobs, by SAS as in Azure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.batch import models
from azure.storage.blob import BlobServiceClient, ContainerClient, ContainerSasPermissions, generate_container_sas

from local.azurite import Azurite
from tests.local.batch_service.local_batch import LocalBatch

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(scope="module")
def container(own_azurite: Azurite) -> Iterator[ContainerClient]:
    connection = own_azurite.settings.connection_string("system")
    with BlobServiceClient.from_connection_string(connection) as service:
        client = service.create_container("transfers")
        client.upload_blob("in put#1.txt", b"input!")
        yield client


def _signed(container: ContainerClient, blob: str = "", *, write: bool = False) -> str:
    signature = generate_container_sas(
        container.account_name,
        container.container_name,
        account_key=container.credential.account_key,
        permission=ContainerSasPermissions(read=not write, create=write, write=write),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    url = container.get_blob_client(blob).url if blob else container.url
    return f"{url}?{signature}"


def _output(container: ContainerClient, pattern: str, path: str, condition: str) -> models.OutputFile:
    destination = models.OutputFileBlobContainerDestination(container_url=_signed(container, write=True), path=path)
    return models.OutputFile(
        file_pattern=pattern,
        destination=models.OutputFileDestination(container=destination),
        upload_options=models.OutputFileUploadConfiguration(upload_condition=condition),
    )


def _blobs(container: ContainerClient, folder: str) -> dict[str, bytes]:
    names = container.list_blob_names(name_starts_with=folder)
    return {name.removeprefix(folder): container.download_blob(name).readall() for name in names}


def test_files_go_in_and_out(batch: LocalBatch, container: ContainerClient) -> None:
    task = batch.perform(
        "sh -c 'cat in/x.txt; mkdir o; echo 1 > o/a.bin; echo 2 > o/b.bin'",
        resource_files=[models.ResourceFile(http_url=_signed(container, "in put#1.txt"), file_path="in/x.txt")],
        output_files=[
            _output(container, "../std*.txt", "good/logs", "taskcompletion"),
            _output(container, "o/*.bin", "good/parts", "tasksuccess"),
            _output(container, "o/a.bin", "good/single name.bin", "tasksuccess"),
            _output(container, "o/a.bin", "good/never", "taskfailure"),
        ],
    )
    assert task.execution_info.result == "success"
    assert _blobs(container, "good/") == {
        "logs/stdout.txt": b"input!",
        "logs/stderr.txt": b"",
        "parts/o/a.bin": b"1\n",
        "parts/o/b.bin": b"2\n",
        "single name.bin": b"1\n",
    }


def test_a_failed_task_uploads_what_failure_asks_for(batch: LocalBatch, container: ContainerClient) -> None:
    task = batch.perform(
        "sh -c 'echo why; exit 4'",
        output_files=[
            _output(container, "../stdout.txt", "bad/why.txt", "taskfailure"),
            _output(container, "../stdout.txt", "bad/never.txt", "tasksuccess"),
        ],
    )
    assert task.execution_info.exit_code == 4
    assert _blobs(container, "bad/") == {"why.txt": b"why\n"}


@pytest.mark.parametrize(("signed", "code"), [(True, "BlobNotFound"), (False, "BlobAccessDenied")])
def test_a_resource_file_that_cannot_be_had_fails_the_task(
    batch: LocalBatch, container: ContainerClient, signed: bool, code: str
) -> None:
    url = _signed(container, "missing") if signed else _signed(container, "missing").replace("sig=", "sig=x")
    info = batch.perform("true", resource_files=[models.ResourceFile(http_url=url, file_path="x")]).execution_info
    assert (info.failure_info.code, info.exit_code) == (code, None)
    assert "sig=" not in info.failure_info.message


def test_a_resource_file_stays_in_the_working_directory(batch: LocalBatch, container: ContainerClient) -> None:
    file = models.ResourceFile(http_url=_signed(container, "in put#1.txt"), file_path="../../escape")
    info = batch.perform("true", resource_files=[file]).execution_info
    assert info.failure_info.code == "InvalidResourceFile"


def test_an_upload_that_fails_fails_the_task(batch: LocalBatch, container: ContainerClient) -> None:
    output = _output(container, "../stdout.txt", "x", "taskcompletion")
    output.destination.container.container_url = _signed(container)  # may read, not write
    info = batch.perform("true", output_files=[output]).execution_info
    assert (info.exit_code, info.failure_info.code) == (0, "FileUploadMiscError")
    assert "sig=" not in info.failure_info.message
