"""Nobody calls anything without a key: every HTTP function, and the Durable management API."""

import http.client
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.local_stack import wait_for
from tests.security.keyed_stack import KeyedStack

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[2]
LOAD = """
import json, function_app
print(json.dumps([json.loads(str(f)) for f in function_app.app.get_functions()]))
"""
PLACEHOLDERS = {"{job}": "no-such-job", "{queue}": "gpu-tasks", "{entry}": "no-such-entry", "{file}": "no-such-file"}
MANAGEMENT = "/runtime/webhooks/durabletask"
MANAGEMENT_CALLS = [
    ("GET", "/instances"),
    ("GET", "/instances/no-such-job"),
    ("GET", "/instances/no-such-job?showInput=true&showHistory=true"),
    ("POST", "/instances/no-such-job/raiseEvent/gpu-task-finished"),
    ("POST", "/instances/no-such-job/terminate?reason=x"),
    ("POST", "/instances/no-such-job/suspend"),
    ("POST", "/instances/no-such-job/resume"),
    ("DELETE", "/instances/no-such-job"),
    ("DELETE", "/instances?createdTimeFrom=2020-01-01T00:00:00Z"),
    ("POST", "/orchestrators/score_video/mine"),
    ("GET", "/entities/a/b"),
]


def http_functions() -> list[dict[str, object]]:
    """Trigger bindings of the app's HTTP functions, as the Functions host is told them."""
    environment = {"BATCH_ENDPOINT": "https://x", "PATH": "/usr/bin", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    functions = json.loads(ran.stdout)
    return [b for f in functions for b in f["bindings"] if b["type"].lower() == "httptrigger"]


@pytest.fixture(scope="module")
def routes() -> list[tuple[str, str, str]]:
    """(method, path, level) of every HTTP function."""
    found: list[tuple[str, str, str]] = []
    for trigger in http_functions():
        path = f"/api/{trigger['route']}"
        for placeholder, value in PLACEHOLDERS.items():
            path = path.replace(placeholder, value)
        methods = trigger["methods"]
        assert isinstance(methods, list)
        found += [(str(method), path, str(trigger["authLevel"])) for method in methods]
    return found


def test_every_http_function_asks_for_a_key(routes: list[tuple[str, str, str]]) -> None:
    assert len(routes) >= 5
    assert {level.upper() for _, _, level in routes} <= {"FUNCTION", "ADMIN"}
    assert not [path for _, path, _ in routes if "{" in path], "give the new placeholder a value above"


@pytest.mark.parametrize(
    "key", [None, "", "wrong", "durable_task", "almost"], ids=["none", "empty", "wrong", "durable", "almost"]
)
def test_without_its_key_no_route_answers(
    keyed: KeyedStack, routes: list[tuple[str, str, str]], key: str | None
) -> None:
    keys = {"durable_task": keyed.keys["durable_task"], "almost": keyed.keys["default"][:-1]}
    given = keys.get(key or "", key)
    for method, path, _ in routes:
        assert keyed.call(method, path, given).status_code == 401, (method, path)
        if given is not None:
            assert keyed.call(method, path, params={"code": given}).status_code == 401, (method, path)


def test_with_its_key_every_route_answers(keyed: KeyedStack, routes: list[tuple[str, str, str]]) -> None:
    for method, path, level in routes:
        key = keyed.keys["default" if level.upper() == "FUNCTION" else "master"]
        status = keyed.call(method, path, key).status_code
        # 404 and 400 are the function's own word about what does not exist.
        assert status in (200, 202, 400, 404), (method, path, status)
        assert keyed.call(method, path, params={"code": key}).status_code == status


@pytest.mark.parametrize("key", [None, "wrong", "default"])
def test_the_management_api_has_a_key_of_its_own(keyed: KeyedStack, key: str | None) -> None:
    given = {"default": keyed.keys["default"]}.get(key or "", key)
    for method, path in MANAGEMENT_CALLS:
        joint = "&" if "?" in path else "?"
        url = MANAGEMENT + path + (f"{joint}code={given}" if given else "")
        assert keyed.call(method, url).status_code == 401, (method, path)
    listed = keyed.call("GET", f"{MANAGEMENT}/instances?code={keyed.keys['durable_task']}")
    assert listed.status_code == 200


def test_a_started_job_is_followed_with_the_urls_it_came_with(keyed: KeyedStack, clip: Path) -> None:
    keyed.upload(clip, "clip.mp4")
    answer = keyed.post(video="clip.mp4", scorer="identity", options={"chunk_size": 12})
    assert answer.status_code == 202
    url = answer.json()["statusQueryGetUri"]
    assert wait_for(lambda: keyed.call("GET", url.removeprefix(keyed.url)).status_code == 200)
    assert keyed.call("GET", url.removeprefix(keyed.url).split("?")[0]).status_code == 401


@pytest.mark.parametrize("path", ["/api/jobs", f"{MANAGEMENT}/instances"])
def test_a_key_that_is_no_text_opens_nothing(keyed: KeyedStack, path: str) -> None:
    address = urlsplit(keyed.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    connection.putrequest("GET", path)
    connection.putheader("x-functions-key", b"\xff\xfe")
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


@pytest.mark.parametrize(
    "path", ["/api//jobs", "/api/jobs/", "/API/jobs", "/api/%6aobs", "/api/jobs/../jobs", "/api/jobs;x"]
)
def test_no_spelling_of_a_route_goes_round_the_key(keyed: KeyedStack, path: str) -> None:
    address = urlsplit(keyed.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    connection.request("GET", path)
    assert connection.getresponse().status in (401, 404)
    connection.close()
