"""HTTP functions, the landing page, the admin endpoints, keys."""

import json
from collections.abc import Iterator

import pytest

from tests.local.functions_host.running_host import RunningHost, start_host

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def guarded(azurite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningHost, dict[str, str]]]:
    """A host that checks keys, and its keys."""
    state = tmp_path_factory.mktemp("guarded") / "state"
    running = start_host(state, azurite, "--require-keys", **{"AzureWebJobs.boom.Disabled": "true"})
    yield running, json.loads((state / "keys.json").read_text())
    running.end()


def test_the_root_shows_the_landing_page(host: RunningHost) -> None:
    answer = host.client.get(host.url + "/")
    assert answer.status_code == 200
    assert "Your Functions 4.0 app is up and running" in answer.text
    assert "/api/echo/{number:int}/{word?}" in answer.text


def test_the_admin_endpoints_say_that_the_host_runs(host: RunningHost) -> None:
    assert host.client.get(host.url + "/admin/host/ping").status_code == 200
    assert host.client.get(host.url + "/admin/host/status").json()["state"] == "Running"


def test_a_function_sees_the_request_and_shapes_the_response(host: RunningHost) -> None:
    url = f"{host.url}/api/echo/12/a%20b?q=1"
    answer = host.client.post(url, content="body", headers={"x-test": "yes"})
    assert answer.status_code == 201
    assert answer.headers["x-made-by"] == "echo"
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {
        "route": {"number": "12", "word": "a b"},
        "query": {"q": "1"},
        "body": "body",
        "function": "echo",
        "header": "yes",
    }


def test_an_optional_route_parameter_may_be_left_out(host: RunningHost) -> None:
    assert host.client.get(f"{host.url}/api/echo/12").json()["route"] == {"number": "12"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/echo/twelve", 404), ("GET", "/echo/12", 404), ("DELETE", "/api/echo/12", 405), ("GET", "/x", 404)],
)
def test_what_no_function_answers(host: RunningHost, method: str, path: str, status: int) -> None:
    assert host.client.request(method, host.url + path).status_code == status


def test_a_failing_function_answers_500_and_its_traceback_is_logged_without_the_signature(host: RunningHost) -> None:
    answer = host.client.get(f"{host.url}/api/boom")
    assert (answer.status_code, answer.text) == (500, "")
    assert host.child.find(r"(boom failed: RuntimeError.*sig=REDACTED)")
    assert "SECRET" not in host.child.output
    assert 'in boom\n    raise RuntimeError("cannot read' in host.child.output


def test_a_body_of_ten_megabytes_passes_and_one_beyond_the_limit_is_refused(host: RunningHost) -> None:
    assert host.client.post(f"{host.url}/api/size", content=b"x" * 10_000_000).text == "10000000"
    assert host.client.post(f"{host.url}/api/size", content=b"x" * ((100 << 20) + 1)).status_code == 413


def test_without_require_keys_nothing_asks_for_one(host: RunningHost) -> None:
    assert host.client.get(f"{host.url}/api/guarded").text == "opened"


def test_a_function_key_opens_functions_and_not_what_is_for_the_master_key(
    guarded: tuple[RunningHost, dict[str, str]],
) -> None:
    host, keys = guarded
    assert host.client.get(f"{host.url}/api/guarded").status_code == 401
    assert host.client.get(f"{host.url}/api/guarded?code=wrong").status_code == 401
    assert host.client.get(f"{host.url}/api/guarded?code={keys['default']}").text == "opened"
    assert host.client.get(f"{host.url}/api/guarded", headers={"x-functions-key": keys["master"]}).text == "opened"
    assert host.client.get(f"{host.url}/api/master-only?code={keys['default']}").status_code == 401
    assert host.client.get(f"{host.url}/api/master-only?code={keys['master']}").text == "opened"
    assert host.client.get(f"{host.url}/api/echo/1").status_code == 201


def test_the_management_api_has_a_key_of_its_own(guarded: tuple[RunningHost, dict[str, str]]) -> None:
    host, keys = guarded
    assert host.client.get(f"{host.durable}/instances").status_code == 401
    assert host.client.get(f"{host.durable}/instances?code={keys['default']}").status_code == 401
    assert host.client.get(f"{host.durable}/instances?code={keys['durable_task']}").status_code == 200


def test_the_links_of_a_started_orchestration_carry_the_key(guarded: tuple[RunningHost, dict[str, str]]) -> None:
    host, keys = guarded
    url = f"{host.durable}/orchestrators/echo_input?code={keys['durable_task']}"
    links = host.client.post(url, json=1).json()
    assert host.client.get(links["statusQueryGetUri"]).status_code in (200, 202)


def test_a_disabled_function_does_not_answer(guarded: tuple[RunningHost, dict[str, str]]) -> None:
    host, _ = guarded
    assert host.client.get(f"{host.url}/api/boom").status_code == 404
