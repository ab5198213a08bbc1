"""Names that mean something to a path, a URL, a terminal or a person: each job stays with the blob it named."""

import http.client
import json
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from activities.storage import Account
from contracts.provenance import Provenance
from gpu_task import blobs
from tests.azurite import Azurite
from tests.end_to_end.local_stack import ROOT, LocalStack, make_clip, wait_for

pytestmark = pytest.mark.timeout(240)

CAFE = "caf\u00e9.mp4"
# Pairs that would be one blob if any layer decoded once too often, normalised, or cut at a delimiter.
NAMES = [
    "plain.mp4",
    "a b+c.mp4",
    "a%20b+c.mp4",
    "a%2Fb.mp4",
    "a/b.mp4",
    "%2e%2e%2Foutputs%2Fx.mp4",
    "..%2F..%2Foutputs%2Fx.mp4",
    "nul%00.mp4",
    "line%0Abreak.mp4",
    "query?sig=abc&sp=rwd.mp4",
    "fragment#one.mp4",
    "fragment",
    "\"double\" 'single' `back`.mp4",
    "<script>alert(1)</script>.mp4",
    "$(touch x);|&.mp4",
    "{style}[0]*~!@^=,.mp4",
    CAFE,
    unicodedata.normalize("NFD", CAFE),
    "\u202egpm.4pm.mp4",
    "עברית.mp4",
    "🎬👩‍👩‍👧.mp4",
    "...mp4",
    "n" * 1020 + ".mp4",
]
# Through the whole system, where a job costs some seconds: one of each kind.
THROUGH_HTTP = ["%2e%2e%2Foutputs%2Fx.mp4", "query?sig=abc&sp=rwd.mp4", CAFE, unicodedata.normalize("NFD", CAFE)]
THROUGH_HTTP += ["\u202e\"q\" 'q' #🎬.mp4", "n" * 1020 + ".mp4"]
THROUGH_UPLOAD = ["identity/a%2Fb ?&#'\".mp4", "identity/🎬/" + unicodedata.normalize("NFD", CAFE)]
REFUSED = ["", "/", "/etc/passwd", "../outputs/x", "a/../b", "a/./b", "a//b", "a/", "..", "."]
REFUSED += ["a\x00b", "a\nb", "a\x7fb", "\ud800.mp4", "n" * 1025]
REFUSED_STYLES = ["", "..", "../x", "A", "a b", "é", "a/b", "%2e%2e", "a" * 64, "-a", "a\n", "starry-night ", "a?b"]
REFUSED_STYLES += ["\ud800"]


# -- the SAS of a name -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def account(azurite: Azurite) -> Iterator[Account]:
    """An account with a blob of each name in container `names`; a blob's content is its name."""
    account = Account("X", {"X": azurite.connection_string})
    account.blobs.create_container("names")
    for name in NAMES:
        account.container("names").upload_blob(name, name.encode())
    yield account
    account.blobs.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_sas_url_is_for_the_blob_of_that_name_and_no_other(account: Account, name: str) -> None:
    url = account.blob_sas_url("names", name, "r", 1)
    assert blobs.download(url, 10_000).decode() == name
    parts = urlsplit(url)
    assert unquote(parts.path).endswith(f"/names/{name}")
    assert url.isascii()
    assert not parts.fragment
    assert parts.query.count("sig=") == 1
    assert blobs.label(url) == url.split("?")[0]
    assert "sig=" not in blobs.label(url)


def test_the_names_of_the_table_are_as_many_blobs(account: Account) -> None:
    assert sorted(account.container("names").list_blob_names()) == sorted(NAMES)
    assert len(set(NAMES)) == len(NAMES)


# -- through the doors -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("stack"), nodes=2) as running:
        yield running


@pytest.fixture(scope="module")
def jobs(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Video name to job: every video is another one, told apart by its number of frames."""
    folder = tmp_path_factory.mktemp("clips")
    said = json.dumps({"scorer": "identity", "options": {"chunk_size": 100}})
    started: dict[str, str] = {}
    for number, name in enumerate((*THROUGH_HTTP, *THROUGH_UPLOAD)):
        clip = make_clip(folder / f"{number}.mp4", frames=frames_of(name), size=(64, 48), sound=False)
        if name in THROUGH_UPLOAD:
            stack.upload(clip, name, {"atelier_options": said})
        else:
            stack.upload(clip, name)
            started[name] = stack.submit(video=name, scorer="identity", options={"chunk_size": 100})
    for name in THROUGH_UPLOAD:
        [started[name]] = wait_for(lambda name=name: jobs_of(stack, name))
    return started


def frames_of(name: str) -> int:
    return 5 + (*THROUGH_HTTP, *THROUGH_UPLOAD).index(name)


def jobs_of(stack: LocalStack, name: str) -> list[str]:
    return [job["job"] for job in stack.jobs() if (job["customStatus"] or {}).get("video") == name]


@pytest.mark.parametrize("name", [*THROUGH_HTTP, *THROUGH_UPLOAD])
def test_a_video_of_any_name_finishes_under_its_name(
    stack: LocalStack, jobs: dict[str, str], name: str, tmp_path: Path
) -> None:
    job = jobs[name]
    ended = stack.wait(job)
    assert ended["runtimeStatus"] == "Completed", ended
    assert ended["customStatus"]["video"] == name
    assert ended["output"]["frames"] == frames_of(name)
    provenance = Provenance.model_validate_json(stack.download(f"{job}/provenance.json", tmp_path / "p").read_bytes())
    assert provenance.request.video == name
    [log] = [blob for blob in stack.system_blobs("logs", f"{job}/") if blob.endswith(".log")]
    lines = stack.system.get_blob_client("logs", log).download_blob().readall().decode()
    assert f"/videos/{quote(name, safe='/~')} " in lines
    assert "sig=" not in lines


def test_each_job_wrote_below_its_own_id_and_nowhere_else(stack: LocalStack, jobs: dict[str, str]) -> None:
    for job in jobs.values():
        stack.wait(job)
    assert len(set(jobs.values())) == len(jobs)
    outputs = list(stack.data.get_container_client("outputs").list_blob_names())
    assert sorted(outputs) == sorted(
        f"{job}/{name}" for job in jobs.values() for name in ("video.mp4", "ledger.json", "provenance.json")
    )
    for container in ("jobs", "logs"):
        assert {name.split("/")[0] for name in stack.system_blobs(container)} <= {*jobs.values(), "active", "measured"}
    videos = list(stack.data.get_container_client("videos").list_blob_names())
    assert sorted(videos) == sorted(jobs)


def post(stack: LocalStack, **request: str) -> httpx.Response:
    """As `stack.post`, in ASCII: half a surrogate pair can be written in JSON, but not in UTF-8."""
    return httpx.post(f"{stack.url}/api/jobs", content=json.dumps(request).encode(), timeout=30)


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_name_that_leads_elsewhere_gets_400(stack: LocalStack, name: str) -> None:
    answer = post(stack, video=name, scorer="identity")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["problem"]


@pytest.mark.parametrize("style", REFUSED_STYLES, ids=ascii)
def test_a_style_that_is_no_style_name_gets_400(stack: LocalStack, style: str) -> None:
    answer = post(stack, video="plain.mp4", style=style)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["problem"]


@pytest.mark.parametrize("style", ["%2e%2e", "UPPER", "é", "a b", "{style}"])
def test_an_upload_under_what_is_no_style_is_answered_beside_it_and_nowhere_else(stack: LocalStack, style: str) -> None:
    stack.data.get_blob_client("videos", f"{style}/x.mp4").upload_blob(b"whatever")
    answer = stack.data.get_blob_client("videos", f"{style}/x.mp4.error.json")
    try:
        wait_for(answer.exists, 60)
        assert json.loads(answer.download_blob().readall())["errors"][0]["field"] == "style"
        assert jobs_of(stack, f"{style}/x.mp4") == []
    finally:
        stack.data.get_blob_client("videos", f"{style}/x.mp4").delete_blob()
        answer.delete_blob()


def test_a_name_that_no_client_would_write_stops_nobody_else(stack: LocalStack) -> None:
    """Storage takes any bytes as a name from whoever speaks HTTP by hand."""
    address, key = (
        urlsplit(stack.endpoints["blobs"]),
        json.loads((stack.state / "storage-keys.json").read_text())["data"],
    )
    permission, expiry = ContainerSasPermissions(create=True, delete=True), datetime.now(UTC) + timedelta(hours=1)
    sas = generate_container_sas("data", "videos", account_key=key, permission=permission, expiry=expiry)
    path = f"/data/videos/no-style/%2E%2E/%2E%2E/outputs/x.mp4?{sas}"
    headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2024-11-04", "Content-Length": "0"}

    def ask(method: str) -> int:
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
        connection.request(method, path, headers=headers)
        status = connection.getresponse().status
        connection.close()
        return status

    assert ask("PUT") == 201
    others = {blob.name for blob in stack.data.get_container_client("outputs").list_blobs()}
    after = stack.data.get_blob_client("videos", "no-style/after.mp4")
    after.upload_blob(b"whatever")
    answer = stack.data.get_blob_client("videos", "no-style/after.mp4.error.json")
    try:
        assert wait_for(answer.exists, 60)
        assert {blob.name for blob in stack.data.get_container_client("outputs").list_blobs()} == others
    finally:
        assert ask("DELETE") == 202
        after.delete_blob()
        answer.delete_blob()


def test_the_client_takes_a_file_of_such_a_name_there_and_back(stack: LocalStack, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "é 🎬 #1 100%25 'q' & co?.mp4", frames=4, size=(64, 48), sound=False)
    command = [sys.executable, "-m", "client", "--endpoint", stack.url, "--storage", stack.endpoints["data_storage"]]
    command += ["submit", str(clip), "--scorer", "identity", "--watch", "--out", str(tmp_path / "out"), "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"video.mp4", "ledger.json", "provenance.json"}
    said = json.loads(ran.stdout.splitlines()[-1])
    assert said["frames"] == 4
    stack.data.get_blob_client("videos", clip.name).delete_blob()
    outputs = stack.data.get_container_client("outputs")
    for blob in list(outputs.list_blob_names(name_starts_with=f"{said['job']}/")):
        outputs.delete_blob(blob)
