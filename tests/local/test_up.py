"""`python -m local up` as a user runs it: a process of its own, on an app of its own."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient

from local.functions_host.errors import HostError
from local.stack import Stack, StackSettings
from local.state_folder import StateFolder
from local.up import add_parser

REPOSITORY = Path(__file__).parents[2]
APP = """
import json, os
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
print("an app may print")

@app.route(route="settings")
def settings(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({name: os.environ.get(name) for name in req.params["names"].split(",")}))
"""
LINE = re.compile(
    r"Atelier is up: functions (http://127\.0\.0\.1:\d+)  blobs http://127\.0\.0\.1:\d+"
    r"  queues http://127\.0\.0\.1:\d+  batch http://127\.0\.0\.1:\d+\n"
)

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]


class Up:
    """A running `up`."""

    def __init__(self, folder: Path, *options: str) -> None:
        app = folder / "app"
        app.mkdir(exist_ok=True)
        (app / "function_app.py").write_text(APP)
        (app / "host.json").write_text('{"version": "2.0"}')
        self.state = folder / "state"
        command = [sys.executable, "-m", "local", "up", "--port", "0", "--state", str(self.state), "--app", str(app)]
        self.process = subprocess.Popen(
            [*command, *options], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        said = LINE.fullmatch(self.line)
        if said is None:
            pytest.fail(f"up said {self.line!r}: {self.process.communicate()[1]}")
        self.url = said[1]

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(self.url + path) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def children(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def stop(self, number: signal.Signals) -> tuple[int, str, str]:
        """Its exit status, and what else it wrote to standard output and standard error."""
        self.process.send_signal(number)
        output, errors = self.process.communicate()
        return self.process.returncode, output, errors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up")


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Up]:
    running = Up(folder, "--nodes", "3", "--set", "EXTRA=given")
    yield running
    if running.process.poll() is None:
        running.stop(signal.SIGKILL)


def test_the_app_answers(up: Up) -> None:
    assert up.get("/")[0] == 200


def test_the_app_gets_its_settings(up: Up) -> None:
    names = "EXTRA,POOL_NODES,BATCH_POOL_ID,TASKHUB_NAME,FUNCTIONS_WORKER_RUNTIME"
    assert json.loads(up.get(f"/api/settings?names={names}")[1]) == {
        "EXTRA": "given",
        "POOL_NODES": "3",
        "BATCH_POOL_ID": "atelier",
        "TASKHUB_NAME": "atelier",
        "FUNCTIONS_WORKER_RUNTIME": "python",
    }


def test_storage_and_batch_are_deployed_and_open_with_those_settings(up: Up) -> None:
    names = "DATA_STORAGE,BATCH_ENDPOINT,BATCH_ACCOUNT_NAME,BATCH_ACCOUNT_KEY"
    told = json.loads(up.get(f"/api/settings?names={names}")[1])
    with BlobServiceClient.from_connection_string(told["DATA_STORAGE"]) as service:
        assert {"videos", "outputs"} <= {container.name for container in service.list_containers()}
    credential = AzureNamedKeyCredential(told["BATCH_ACCOUNT_NAME"], told["BATCH_ACCOUNT_KEY"])
    with BatchClient(told["BATCH_ENDPOINT"], credential) as client:
        assert len(list(client.list_nodes("atelier"))) == 3


def test_clients_on_this_machine_find_it(up: Up) -> None:
    path = up.state / "endpoints.json"
    assert path.stat().st_mode & 0o777 == 0o600
    published = json.loads(path.read_text())
    assert published["functions"] == up.url
    assert "AccountName=data;" in published["data_storage"]


def test_a_second_one_on_the_same_state_is_refused(up: Up) -> None:
    command = [sys.executable, "-m", "local", "up", "--port", "0", "--state", str(up.state)]
    second = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stdout == ""
    assert "Traceback" not in second.stderr
    assert f"another local stack (process {up.process.pid}) runs on {up.state}" in second.stderr
    assert up.get("/")[0] == 200


def test_a_tidy_stop_leaves_nothing_behind_and_the_next_run_is_at_the_same_address(up: Up, folder: Path) -> None:
    children = up.children()
    assert len(children) == 4  # Azurite, two watchdogs and the warm Python of the nodes
    status, output, errors = up.stop(signal.SIGTERM)
    assert (status, output) == (0, "")
    assert "an app may print" in errors
    assert _alive(children) == []
    assert not (up.state / "endpoints.json").exists()
    keys = {line for path in (up.state / "storage-keys.json", up.state / "batch/account.key") for line in _keys(path)}
    assert not any(key in errors or key in (up.state / "logs/stack.log").read_text() for key in keys)

    again = Up(folder, "--require-keys")
    children = again.children()
    assert again.line == up.line
    assert again.get("/api/settings?names=x")[0] == 401
    key = json.loads((again.state / "endpoints.json").read_text())["key"]
    assert again.get(f"/api/settings?names=x&code={key}")[0] == 200
    again.stop(signal.SIGKILL)
    while _alive(children):  # the watchdogs end them; the time-out guards
        pass


def _keys(path: Path) -> list[str]:
    return re.findall(r"[A-Za-z0-9+/]{80,}={0,2}", path.read_text())


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if _is_alive(pid)]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_when_the_app_cannot_be_loaded_nothing_stays(tmp_path: Path) -> None:
    environment = dict(os.environ)
    stack = Stack(StackSettings(app=tmp_path, state=tmp_path / "state", port=0))
    with pytest.raises(HostError, match=str(tmp_path)):
        await stack.__aenter__()
    assert stack.azurite.pid is not None
    assert not _is_alive(stack.azurite.pid)
    assert not (tmp_path / "state/endpoints.json").exists()
    assert dict(os.environ) == environment
    StateFolder(tmp_path / "state").close()  # it is free again


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--nodes", "0"], "argument --nodes: '0' is not a whole number of 1 or more"),
        (["--set", "NAME"], "argument --set: 'NAME' is not NAME=VALUE"),
    ],
)
def test_bad_options_are_refused_by_name(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:

    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    with pytest.raises(SystemExit) as refused:
        parser.parse_args(["up", *options])
    assert refused.value.code == 2
    assert told in capsys.readouterr().err
