"""The storage accounts: what their SAS URLs allow, and what they do not, asked of a real Azurite."""

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient

from activities.storage import Account
from contracts.messages import GpuTask
from contracts.settings import SettingsError
from contracts.steps import RunRef
from tests.azurite import Azurite

CONTAINER, QUEUE = "activities", "activities"


@pytest.fixture(scope="module")
def account(azurite: Azurite) -> Account:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        blobs.create_container(CONTAINER)
    with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
        queues.create_queue(QUEUE)
    return Account("SYSTEM_STORAGE", {"SYSTEM_STORAGE": azurite.connection_string})


def refused(blob: BlobClient, operation: str, *arguments: object, **options: object) -> int | None:
    with pytest.raises(HttpResponseError) as caught:
        getattr(blob, operation)(*arguments, **options)
    return caught.value.status_code


def test_a_read_sas_reads_one_blob_and_nothing_else(account: Account) -> None:
    account.write_text(CONTAINER, "a.json", "{}")
    account.write_text(CONTAINER, "b.json", "{}")
    url = account.blob_sas_url(CONTAINER, "a.json", "r", 1)
    with BlobClient.from_blob_url(url) as blob:
        assert blob.download_blob().readall() == b"{}"
        assert refused(blob, "upload_blob", b"x", overwrite=True) == 403
        assert refused(blob, "delete_blob") == 403
    with BlobClient.from_blob_url(url.replace("a.json", "b.json")) as other:
        assert refused(other, "download_blob") == 403


def test_an_output_sas_creates_once_and_never_overwrites_or_deletes(account: Account) -> None:
    with BlobClient.from_blob_url(account.blob_sas_url(CONTAINER, "segment.mp4", "rc", 1)) as blob:
        blob.upload_blob(b"first", overwrite=False, metadata={"sha256": "0"})
        assert refused(blob, "upload_blob", b"second", overwrite=True) == 403
        assert refused(blob, "delete_blob") == 403
        # Permission is looked at before the condition: 403 where an account key would get 409.
        assert refused(blob, "upload_blob", b"second", overwrite=False) == 403
        assert blob.get_blob_properties().metadata == {"sha256": "0"}
        assert blob.download_blob().readall() == b"first"


def test_a_name_with_spaces_and_unicode_gets_a_url_that_works(account: Account) -> None:
    name = "Grüße/a b%2F#?&.mp4"
    account.write_text(CONTAINER, name, "x")
    with BlobClient.from_blob_url(account.blob_sas_url(CONTAINER, name, "r", 1)) as blob:
        assert blob.download_blob().readall() == b"x"


def test_a_results_sas_adds_messages_and_reads_none(account: Account) -> None:
    with QueueClient.from_queue_url(account.queue_sas_url(QUEUE, "a", 1)) as queue:
        queue.send_message("hello")
        with pytest.raises(HttpResponseError) as caught:
            next(iter(queue.receive_messages()))
        assert caught.value.status_code == 403
        with pytest.raises(HttpResponseError) as caught:
            queue.clear_messages()
        assert caught.value.status_code == 403


def test_an_expired_sas_opens_nothing(account: Account) -> None:
    account.write_text(CONTAINER, "late.json", "{}")
    with BlobClient.from_blob_url(account.blob_sas_url(CONTAINER, "late.json", "r", -0.01)) as blob:
        assert refused(blob, "download_blob") == 403


def test_a_message_is_sent_as_the_host_reads_it(account: Account) -> None:
    task = GpuTask(job="j", task="c00000-a1", chunk=0, attempt=1, instance_id="j:r1:c00000")
    queue = account.queues.get_queue_client(QUEUE)
    queue.clear_messages()
    account.send(QUEUE, task)
    [message] = list(queue.receive_messages())
    import base64

    assert GpuTask.model_validate_json(base64.b64decode(message.content)) == task


def test_json_that_is_not_there_is_none_or_an_error(account: Account) -> None:
    assert account.find_json(CONTAINER, "no.json", RunRef) is None
    with pytest.raises(ResourceNotFoundError):
        account.read_json(CONTAINER, "no.json", RunRef)


def test_a_prefix_is_deleted_and_nothing_beside_it(account: Account) -> None:
    for name in ("job-1/a", "job-1/b/c", "job-10/a"):
        account.write_text(CONTAINER, name, "x")
    assert account.delete_prefix(CONTAINER, "job-1/") == 2
    assert account.exists(CONTAINER, "job-10/a")


def test_a_blob_that_a_node_has_leased_is_deleted_all_the_same(account: Account) -> None:
    account.write_text(CONTAINER, "leased/a", "x")
    account.container(CONTAINER).get_blob_client("leased/a").acquire_lease(lease_duration=-1)
    assert account.delete_prefix(CONTAINER, "leased/") == 1
    assert not account.exists(CONTAINER, "leased/a")


def test_a_connection_that_is_not_set_is_named() -> None:
    with pytest.raises(SettingsError, match="DATA_STORAGE__blobServiceUri"):
        Account("DATA_STORAGE", {}).blobs  # noqa: B018 (the client is made when it is first asked for)
