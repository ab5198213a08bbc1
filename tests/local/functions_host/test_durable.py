"""Orchestrations of a real app through the whole host."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.storage.queue import QueueServiceClient

from tests.local.functions_host.running_host import RunningHost

pytestmark = pytest.mark.timeout(120)


def test_fan_out_gathers_every_result_and_sets_the_custom_status(host: RunningHost) -> None:
    body = host.wait(host.start("fan_out", 100)["id"])
    assert body["output"] == sum(number * number for number in range(100))
    assert body["customStatus"] == {"done": 100}


def test_an_external_event_wins_over_a_timer(host: RunningHost) -> None:
    instance_id = host.start("approval", 3600)["id"]
    assert host.wait(instance_id, "Running")["customStatus"] == "waiting"
    answer = host.client.post(f"{host.durable}/instances/{instance_id}/raiseEvent/approve", json={"by": "me"})
    assert answer.status_code == 202
    assert host.wait(instance_id)["output"] == {"approved": {"by": "me"}}


def test_a_timer_ends_the_wait_for_an_event(host: RunningHost) -> None:
    assert host.run("approval", 0.2) == {"timeout": True}


def test_a_queue_function_raises_an_event_through_the_durable_client(
    host: RunningHost, queues: QueueServiceClient
) -> None:
    instance_id = host.start("approval", 3600)["id"]
    message = json.dumps({"id": instance_id, "data": "from a queue"}).encode()
    queues.get_queue_client("approvals").send_message(base64.b64encode(message).decode())
    assert host.wait(instance_id)["output"] == {"approved": "from a queue"}


def test_an_activity_asks_for_another_instance_through_the_durable_client(host: RunningHost) -> None:
    instance_id = host.start("approval", 3600)["id"]
    host.wait(instance_id, "Running")
    assert host.run("watching", instance_id) == "RUNNING"
    assert host.run("watching", "nobody") == "missing"


def test_sub_orchestrations_get_the_ids_they_are_given(host: RunningHost) -> None:
    order = {"child": "echo_input", "input": 7, "count": 3}
    assert host.run("parent", order, instance_id="family") == [7, 7, 7]
    assert [host.status(f"family:{number}")["output"] for number in range(3)] == [7, 7, 7]


def test_an_orchestration_without_input_receives_none(host: RunningHost) -> None:
    assert host.run("parent", {"child": "echo_input", "input": None, "count": 1}) == [None]


def test_a_retry_policy_runs_a_failing_activity_again(host: RunningHost) -> None:
    assert host.run("retrying", {"key": "retrying", "works_at": 3}) == "attempt 3"


def test_an_exhausted_retry_policy_fails_with_the_last_error(host: RunningHost) -> None:
    body = host.wait(host.start("retrying", {"key": "exhausted", "works_at": 99})["id"])
    assert body["runtimeStatus"] == "Failed"
    assert "attempt 4" in body["output"]


def test_an_exception_without_a_message_is_a_failure(host: RunningHost) -> None:
    assert host.run("silent_failure") == {"type": "ValueError"}


def test_an_unknown_orchestrator_fails_and_says_so(host: RunningHost) -> None:
    body = host.wait(host.start("nosuch", 1)["id"])
    assert body["runtimeStatus"] == "Failed"
    assert "'nosuch' doesn't exist" in body["output"]


def test_a_parent_can_handle_the_failure_of_a_child(host: RunningHost) -> None:
    output = host.run("forgiving_parent", "nosuch")
    assert "'nosuch' doesn't exist" in output["message"]


def test_continue_as_new_carries_the_new_input(host: RunningHost) -> None:
    assert host.run("counting", 0) == 4


def test_a_timer_of_the_run_before_does_not_fire_early(host: RunningHost) -> None:
    assert host.run("stale_timer", 0) >= 2.5


def test_entities_answer_orchestrators(host: RunningHost) -> None:
    assert host.run("use_entity") == 5


def test_a_five_megabyte_payload_travels(host: RunningHost) -> None:
    payload = "x" * 5_000_000
    assert host.run("echo_input", payload) == payload


def test_twelve_functions_can_wait_for_an_orchestration(host: RunningHost) -> None:
    instance_id = host.start("approval", 3600)["id"]
    with ThreadPoolExecutor(12) as pool:
        waits = [pool.submit(host.client.post, f"{host.url}/api/wait/{instance_id}") for _ in range(12)]
        host.client.post(f"{host.durable}/instances/{instance_id}/raiseEvent/approve", json=1)
        assert {one.result().text for one in waits} == {"COMPLETED"}


def test_terminating_a_parent_recursively_ends_its_children(host: RunningHost) -> None:
    host.start("parent", {"child": "approval", "input": 3600, "count": 2}, instance_id="doomed")
    for child in ("doomed:0", "doomed:1"):
        host.wait(child, "Running")
    assert host.client.post(f"{host.url}/api/stop/doomed").status_code == 200
    assert [host.wait(one)["runtimeStatus"] for one in ("doomed", "doomed:0", "doomed:1")] == ["Terminated"] * 3


def test_a_scheduled_orchestration_stays_pending_until_its_time(host: RunningHost) -> None:
    assert host.client.post(f"{host.url}/api/later/tomorrow?seconds=86400").status_code == 202
    assert host.client.post(f"{host.url}/api/later/soon?seconds=0.3").status_code == 202
    assert host.wait("soon")["output"] == 1
    assert host.status("tomorrow")["runtimeStatus"] == "Pending"
