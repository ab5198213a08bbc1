"""The Durable management API, as its reference describes it."""

import pytest

from tests.local.functions_host.running_host import RunningHost

pytestmark = pytest.mark.timeout(120)


def instance(host: RunningHost, instance_id: str) -> str:
    return f"{host.durable}/instances/{instance_id}"


def test_starting_answers_202_with_links_and_where_to_look(host: RunningHost) -> None:
    answer = host.client.post(f"{host.durable}/orchestrators/echo_input/chosen", json=1)
    links = answer.json()
    assert answer.status_code == 202
    assert links["id"] == "chosen"
    assert answer.headers["Location"] == links["statusQueryGetUri"]
    assert answer.headers["Retry-After"] == "10"
    assert host.client.get(links["statusQueryGetUri"]).status_code in (200, 202)


def test_starting_with_a_body_that_is_not_json_answers_400(host: RunningHost) -> None:
    assert host.client.post(f"{host.durable}/orchestrators/echo_input", content="{").status_code == 400


def test_starting_a_running_id_answers_409(host: RunningHost) -> None:
    host.start("approval", 3600, "taken")
    assert host.client.post(f"{host.durable}/orchestrators/approval/taken", json=1).status_code == 409


def test_the_status_of_a_running_instance_is_202_and_of_a_finished_one_200(host: RunningHost) -> None:
    instance_id = host.start("approval", 3600)["id"]
    running = host.client.get(instance(host, instance_id))
    assert running.status_code == 202
    assert {"Location", "Retry-After"} <= set(running.headers.keys()) | {"Location", "Retry-After"}
    assert running.headers["Location"].endswith(instance_id)
    host.client.post(f"{instance(host, instance_id)}/raiseEvent/approve", json="yes")
    host.wait(instance_id)
    finished = host.client.get(instance(host, instance_id))
    assert (finished.status_code, finished.json()["output"]) == (200, {"approved": "yes"})


def test_a_failed_instance_is_200_or_500_as_the_caller_asks(host: RunningHost) -> None:
    host.wait(host.start("nosuch", None, "broken")["id"])
    assert host.client.get(instance(host, "broken")).status_code == 200
    assert host.client.get(instance(host, "broken") + "?returnInternalServerErrorOnFailure=true").status_code == 500


def test_an_unknown_instance_answers_404(host: RunningHost) -> None:
    assert host.client.get(instance(host, "nobody")).status_code == 404
    assert host.client.post(instance(host, "nobody") + "/terminate").status_code == 404
    assert host.client.delete(instance(host, "nobody")).status_code == 404


@pytest.mark.parametrize("operation", ["raiseEvent/x", "terminate", "suspend", "resume"])
def test_operations_on_a_finished_instance_answer_410(host: RunningHost, operation: str) -> None:
    host.run("echo_input", 1, instance_id="over")
    assert host.client.post(f"{instance(host, 'over')}/{operation}", json=1).status_code == 410


def test_an_event_that_is_not_json_answers_400(host: RunningHost) -> None:
    instance_id = host.start("approval", 3600)["id"]
    url = f"{instance(host, instance_id)}/raiseEvent/approve"
    assert host.client.post(url, content="x", headers={"content-type": "text/plain"}).status_code == 400
    assert host.client.post(url, content="{", headers={"content-type": "application/json"}).status_code == 400


def test_a_suspended_instance_keeps_its_events_until_it_is_resumed(host: RunningHost) -> None:
    instance_id = host.start("approval", 3600)["id"]
    host.wait(instance_id, "Running")
    assert host.client.post(f"{instance(host, instance_id)}/suspend?reason=pause").status_code == 202
    host.wait(instance_id, "Suspended")
    host.client.post(f"{instance(host, instance_id)}/raiseEvent/approve", json="while suspended")
    assert host.status(instance_id)["runtimeStatus"] == "Suspended"
    assert host.client.post(f"{instance(host, instance_id)}/resume?reason=go").status_code == 202
    assert host.wait(instance_id)["output"] == {"approved": "while suspended"}


def test_a_terminated_instance_gives_the_reason_as_output(host: RunningHost) -> None:
    instance_id = host.start("approval", 3600)["id"]
    host.wait(instance_id, "Running")
    assert host.client.post(f"{instance(host, instance_id)}/terminate?reason=enough").status_code == 202
    body = host.wait(instance_id)
    assert (body["runtimeStatus"], body["output"]) == ("Terminated", "enough")


def test_terminating_a_parent_leaves_its_children_as_in_azure(host: RunningHost) -> None:
    host.start("parent", {"child": "approval", "input": 3600, "count": 1}, "deserting")
    host.wait("deserting", "Running")
    host.wait("deserting:0", "Running")
    assert host.client.post(f"{instance(host, 'deserting')}/terminate").status_code == 202
    assert host.wait("deserting")["runtimeStatus"] == "Terminated"
    assert host.client.post(f"{instance(host, 'deserting:0')}/raiseEvent/approve", json="alone").status_code == 202
    assert host.wait("deserting:0")["output"] == {"approved": "alone"}


def test_rewinding_a_failed_instance_runs_what_failed_again(host: RunningHost) -> None:
    instance_id = host.start("failing_once", {"key": "rewound", "works_at": 2})["id"]
    assert host.wait(instance_id)["runtimeStatus"] == "Failed"
    assert host.client.post(f"{instance(host, instance_id)}/rewind?reason=fixed").status_code == 202
    assert host.wait(instance_id, "Completed")["output"] == "attempt 2"


def test_restarting_gives_a_new_instance_with_the_same_input(host: RunningHost) -> None:
    host.run("echo_input", "again", instance_id="first")
    answer = host.client.post(f"{instance(host, 'first')}/restart?restartWithNewInstanceId=true")
    assert answer.status_code == 202
    assert answer.json()["id"] != "first"
    assert host.wait(answer.json()["id"])["output"] == "again"


def test_history_is_given_on_request_and_is_dated(host: RunningHost) -> None:
    host.run("fan_out", 2, instance_id="told")
    query = "?showHistory=true&showHistoryOutput=true&showInput=false"
    body = host.client.get(instance(host, "told") + query).json()
    kinds = [event["EventType"] for event in body["historyEvents"]]
    assert kinds == ["ExecutionStarted", "TaskCompleted", "TaskCompleted", "ExecutionCompleted"]
    assert all(event["Timestamp"] >= "2020" for event in body["historyEvents"])
    assert body["input"] is None


def test_listing_filters_and_pages(host: RunningHost) -> None:
    for number in range(5):
        host.run("echo_input", number, instance_id=f"listed-{number}")
    query = {"instanceIdPrefix": "listed-", "top": "2", "runtimeStatus": "Completed"}
    found: list[str] = []
    token = ""
    for _ in range(3):
        answer = host.client.get(f"{host.durable}/instances", params=query, headers={"x-ms-continuation-token": token})
        found += [one["instanceId"] for one in answer.json()]
        token = answer.headers["x-ms-continuation-token"]
    assert found == [f"listed-{number}" for number in range(5)]
    assert token == ""
    failed = host.client.get(f"{host.durable}/instances", params={**query, "runtimeStatus": "Failed"})
    assert failed.json() == []


@pytest.mark.parametrize("query", ["runtimeStatus=Sleeping", "top=zero", "top=0", "createdTimeFrom=yesterday"])
def test_a_filter_that_makes_no_sense_answers_400_naming_it(host: RunningHost, query: str) -> None:
    answer = host.client.get(f"{host.durable}/instances?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[2] in answer.json()["ExceptionMessage"]


def test_a_continuation_token_that_is_none_answers_400(host: RunningHost) -> None:
    answer = host.client.get(f"{host.durable}/instances", headers={"x-ms-continuation-token": "abc"})
    assert answer.status_code == 400


def test_purging_one_instance(host: RunningHost) -> None:
    host.run("echo_input", 1, instance_id="purged")
    assert host.client.delete(instance(host, "purged")).json() == {"instancesDeleted": 1}
    assert host.client.get(instance(host, "purged")).status_code == 404


def test_a_running_instance_is_not_purged(host: RunningHost) -> None:
    instance_id = host.start("approval", 3600)["id"]
    assert host.client.delete(instance(host, instance_id)).status_code == 404
    assert host.status(instance_id)["runtimeStatus"] in ("Pending", "Running")


def test_purging_by_time_needs_a_beginning(host: RunningHost) -> None:
    assert host.client.delete(f"{host.durable}/instances").status_code == 400
    query = "createdTimeFrom=2020-01-01T00:00:00Z&createdTimeTo=2020-01-02T00:00:00Z"
    assert host.client.delete(f"{host.durable}/instances?{query}").status_code == 404


def test_an_unknown_path_answers_404(host: RunningHost) -> None:
    assert host.client.get(f"{host.durable}/nonsense").status_code == 404
