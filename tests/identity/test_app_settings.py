"""The app with exactly the settings that infra/ emits: by identity, no key anywhere, from an upload to its result."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from activities import batch
from activities.identity import credential
from activities.storage import Account
from contracts.ledger import Ledger
from contracts.task_spec import SPEC_URL_VARIABLE
from local.app_settings import BatchAccount, PoolSize, identity_settings
from media.verify import audio_digests, frame_times_of
from tests.end_to_end.local_stack import ROOT, make_clip
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


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=24, size=(64, 48))


def test_only_addresses_are_not_the_deployments_own() -> None:
    emitted = app_settings()
    ports: dict[str, int] = dict.fromkeys(("blob", "queue", "table", "batch"), 1)
    used = at_home(emitted, ports)
    assert used.keys() == emitted.keys()
    changed = {name for name, value in used.items() if value != emitted[name]}
    assert changed == {name for name in emitted if name.endswith("ServiceUri")} | {"BATCH_ENDPOINT"}
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
        said = parse_qs(urlsplit(url).query)
        assert (said["sks"], said["sr"], said["sp"], said["spr"]) == (["b"], ["b"], ["r"], ["https"])
        assert {"skoid", "sktid"} <= said.keys()


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
