"""The app with exactly the settings that infra/ emits: by identity, no key anywhere, from an upload to its result.

One file, since files are what is shared out among the processes that run tests: so there is one stack.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.storage.blob import BlobBlock, BlobClient
from azure.storage.queue import QueueClient

from activities import batch, sas
from activities.identity import credential
from activities.storage import Account
from contracts.ledger import Ledger
from contracts.task_spec import SPEC_URL_VARIABLE
from local.app_settings import BatchAccount, PoolSize, identity_settings
from media.verify import audio_digests, frame_times_of
from tests.end_to_end.local_stack import ROOT, make_clip, wait_for
from tests.identity.deployed_stack import DeployedStack, at_home, without_azure
from tests.infra.deployments import app_settings

pytestmark = pytest.mark.timeout(120)
SERVICES = {"blob": "https://b", "queue": "https://q", "table": "https://t"}
LOADING = """
import sys
from pathlib import Path
from local.functions_host.app import load_app
print(*load_app(Path(sys.argv[1])).functions)
"""
QUEUE, OTHER_QUEUE = "sas-one", "sas-other"
LATE = -1 / 3600


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=24, size=(64, 48))


def test_only_addresses_are_not_the_deployments_own() -> None:
    emitted = app_settings()
    ports: dict[str, int] = dict.fromkeys(("blob", "queue", "table", "batch", "insights"), 1)
    used = at_home(emitted, ports)
    assert used.keys() == emitted.keys()
    changed = {name for name, value in used.items() if value != emitted[name]}
    addresses = {name for name in emitted if name.endswith("ServiceUri")}
    assert changed == addresses | {"BATCH_ENDPOINT", "APPLICATIONINSIGHTS_CONNECTION_STRING"}
    assert all(used[name].endswith("/") == emitted[name].endswith("/") for name in changed)
    # What the stack sets by itself is among them, but for one that functionAppConfig has in Azure.
    own = identity_settings(SERVICES, BatchAccount("https://b", "n", "k"), PoolSize(), "c")
    assert own.keys() - emitted.keys() == {"FUNCTIONS_WORKER_RUNTIME"}


def test_an_upload_that_event_grid_tells_of_becomes_a_finished_video(
    as_app: DeployedStack, data: Account, clip: Path, tmp_path: Path
) -> None:
    name = "any/clip.mp4"
    options = {"atelier_options": json.dumps({"scorer": "identity", "options": {"chunk_size": 12}})}
    blob = data.container("videos").get_blob_client(name)
    made = blob.upload_blob(clip.read_bytes(), metadata=options)
    assert as_app.tell("videos", name, blob.url, str(made["etag"])) == 202

    ended = as_app.wait_for_job_of(name)
    assert ended["runtimeStatus"] == "Completed", as_app.log[-4000:]
    video = tmp_path / "video.mp4"
    video.write_bytes(data.container("outputs").download_blob(ended["output"]["output"]).readall())
    assert frame_times_of(video) == frame_times_of(clip)
    assert audio_digests(video) == audio_digests(clip)
    ledger = Ledger.model_validate_json(data.container("outputs").download_blob(ended["output"]["ledger"]).readall())
    ledger.require_complete()
    assert_tasks_had_no_key(ended["job"])
    assert "a user-delegation key for queues" in as_app.log  # so the tasks' results came by one, not by a key
    assert "a token for https://batch.core.windows.net" in as_app.log
    wait_for(lambda: as_app.insights.taken)  # and what the run was, by a token for Application Insights
    assert as_app.insights.refused == []


def assert_tasks_had_no_key(job: str) -> None:
    """What Batch was given for the job's tasks: the spec's URL, signed for whom the app is, for that blob alone."""
    client = batch.client()
    [batch_job] = [str(one.id) for one in client.list_jobs() if str(one.id).startswith(job)]
    urls = [
        str(setting.value)
        for task in client.list_tasks(batch_job)
        for setting in task.environment_settings or []
        if setting.name == SPEC_URL_VARIABLE
    ]
    assert len(urls) == 2
    for url in urls:
        given = said(url)
        assert (given["sks"], given["sr"], given["sp"], given["spr"]) == ("b", "b", "r", "https")
        assert {"skoid", "sktid"} <= given.keys()


def test_no_key_is_among_what_the_app_is_given(deployed: DeployedStack) -> None:
    keys = [*json.loads((deployed.state / "storage-keys.json").read_text()).values()]
    keys.append((deployed.state / "batch" / "account.key").read_text())
    told = json.dumps(deployed.settings | deployed.identity)
    assert len(keys) == 4
    assert not [key for key in keys if key in told]
    assert not {"DATA_STORAGE", "SYSTEM_STORAGE", "AzureWebJobsStorage", "BATCH_ACCOUNT_KEY"} & deployed.settings.keys()


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch")  # how the SDK signs
def test_batch_takes_the_identity_and_no_key(as_app: DeployedStack) -> None:
    assert [pool.id for pool in batch.client().list_pools()] == [as_app.settings["BATCH_POOL_ID"]]
    key = (as_app.state / "batch" / "account.key").read_text()
    with (
        BatchClient(as_app.endpoints["batch"], AzureNamedKeyCredential("local", key)) as client,
        pytest.raises(HttpResponseError, match="AAD alone"),
    ):
        client.get_pool("atelier")


def test_another_identity_than_the_apps_gets_no_token(as_app: DeployedStack) -> None:
    other = credential("DATA_STORAGE", as_app.settings | {"DATA_STORAGE__clientId": "not the app's"})
    with pytest.raises(ClientAuthenticationError) as refused:
        other.get_token("https://storage.azure.com/.default")
    assert as_app.identity["IDENTITY_HEADER"] not in str(refused.value)


@pytest.mark.parametrize("variant", ["private"])
def test_another_deployments_settings_load_as_they_are(variant: str) -> None:
    environment = without_azure(dict(os.environ)) | app_settings(variant) | {"FUNCTIONS_WORKER_RUNTIME": "python"}
    loaded = subprocess.run(
        [sys.executable, "-c", LOADING, str(ROOT)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"on_video_uploaded", "score_video", "submit_chunk", "on_gpu_result"} <= set(loaded.stdout.split())


# -- SAS by user delegation: made by the app's own code, asked of Azurite ------------------------------------------


@contextmanager
def refused(status: int = 403) -> Iterator[None]:
    with pytest.raises(HttpResponseError) as caught:
        yield
    assert caught.value.status_code == status


def said(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.fixture
def blob(system: Account) -> str:
    system.write_text("models", "sas/a.json", "{}")
    system.write_text("models", "sas/b.json", "{}")
    return system.blob_sas_url("models", "sas/a.json", "r", 1)


def test_it_is_signed_for_the_identity_and_for_one_blob_over_https(blob: str, deployed: DeployedStack) -> None:
    given = said(blob)
    assert (given["sks"], given["sr"], given["sp"], given["spr"]) == ("b", "b", "r", "https")
    assert len(given["skoid"]) == len(given["sktid"]) == 36
    assert given["se"] < given["ske"]


def test_it_reads_one_blob_and_nothing_else(blob: str) -> None:
    with BlobClient.from_blob_url(blob) as client:
        assert client.download_blob().readall() == b"{}"
        with refused():
            client.upload_blob(b"x", overwrite=True)
    with BlobClient.from_blob_url(blob.replace("a.json", "b.json")) as other, refused():
        other.download_blob()


@pytest.mark.parametrize("name", ["spr", "sp", "se", "st", "skoid", "sktid", "ske", "skt"])
def test_none_of_what_it_says_can_be_changed(blob: str, name: str) -> None:
    others = {"spr": "https%2Chttp", "sp": "rw", "st": "2020-01-01T00%3A00%3A00Z", "skt": "2020-01-01T00%3A00%3A00Z"}
    other = others.get(name, "2099-01-01T00%3A00%3A00Z" if name in ("se", "ske") else "0" * 36)
    parts = [f"{name}={other}" if part.startswith(f"{name}=") else part for part in blob.split("?")[1].split("&")]
    with BlobClient.from_blob_url(f"{blob.split('?')[0]}?{'&'.join(parts)}") as client, refused():
        client.download_blob()


def test_it_is_over_at_its_end(blob: str, system: Account) -> None:
    with BlobClient.from_blob_url(system.blob_sas_url("models", "sas/a.json", "r", LATE)) as client, refused():
        client.download_blob()


def test_storage_copies_by_it_from_one_account_to_the_other(blob: str, data: Account) -> None:
    """How a result that a node stitched is published."""
    copied = data.container("outputs").get_blob_client("sas/copied")
    copied.stage_block_from_url("0001", blob, 0, 2)
    copied.commit_block_list([BlobBlock("0001")])
    assert copied.download_blob().readall() == b"{}"


def test_a_queues_adds_and_does_nothing_else(system: Account) -> None:
    for name in (QUEUE, OTHER_QUEUE):
        system.queues.create_queue(name)
    url = system.queue_sas_url(QUEUE, "a", 1)
    given = said(url)
    assert (given["sks"], given["sp"], given["spr"]) == ("q", "a", "https")
    with QueueClient.from_queue_url(url) as queue:
        queue.send_message("hello")
        with refused():
            queue.peek_messages()
        with refused():
            queue.clear_messages()
    with QueueClient.from_queue_url(url.replace(QUEUE, OTHER_QUEUE)) as other, refused():
        other.send_message("hello")
    with QueueClient.from_queue_url(url.replace("sp=a", "sp=rap")) as more, refused():
        more.peek_messages()
    with QueueClient.from_queue_url(system.queue_sas_url(QUEUE, "a", LATE)) as late, refused():
        late.send_message("hello")


def test_one_key_signs_many_and_the_next_is_asked_for_before_a_sas_would_outlive_it(system: Account) -> None:
    short = [said(system.blob_sas_url("models", f"sas/{n}", "r", 1))["ske"] for n in range(3)]
    long = system.blob_sas_url("models", "sas/a.json", "r", 100)
    assert len(set(short)) == 1
    assert said(long)["ske"] > said(long)["se"] > short[0]


def test_an_identity_never_signs_with_a_key(system: Account, data: Account) -> None:
    for account in (system, data):
        assert isinstance(sas.blob_signer(account.blobs), sas.DelegationSigner)
        assert isinstance(sas.queue_signer(account.queues), sas.DelegationSigner)


# -- the client with an account's URL -------------------------------------------------------------------------------


def client(stack: DeployedStack, identity: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    where = ["--endpoint", stack.url, "--storage", stack.endpoints["data_storage"], "--key", stack.key]
    environment = without_azure(dict(os.environ)) | identity
    command = [sys.executable, "-m", "client", *where, *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_it_submits_and_fetches_by_identity(deployed: DeployedStack, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "by-client.mp4", frames=6, size=(64, 48), sound=False)
    out = tmp_path / "out"
    done = client(deployed, deployed.identity, "submit", str(clip), "--scorer", "identity", "--json", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert deployed.endpoints["data_storage"].startswith("https://")
    assert json.loads(done.stdout.splitlines()[-1])["frames_done"] == 6
    assert (out / "video.mp4").stat().st_size > 0


def test_where_no_credential_works_it_says_what_to_do(deployed: DeployedStack, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=1, size=(64, 48), sound=False)
    # Of the chain that DefaultAzureCredential is, the one that needs no program of Azure's and no network.
    nobody = deployed.identity | {"AZURE_CLIENT_ID": "nobody", "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}
    refused = client(deployed, nobody, "submit", str(clip), "--scorer", "identity")
    assert refused.returncode == 2
    assert "no Azure credential of this machine works; run az login" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert deployed.identity["IDENTITY_HEADER"] not in refused.stderr
