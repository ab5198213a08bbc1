"""The dead letters over HTTP, on a real Azurite: whatever a path says, only letters are reached."""

import json
from typing import Any

import azure.functions as func
import pytest
from azure.storage.queue import QueueClient, TextBase64DecodePolicy

from activities import deadletter
from activities.storage import Account
from contracts import layout
from contracts.deadletter import DeadLetter
from contracts.messages import GpuTask
from contracts.steps import RunEnd
from tests.triggers.conftest import function
from triggers import deadletter_api

JOB = "clip-0123456789abcdef"
TASK = GpuTask(job=JOB, task="c00003-a2", chunk=3, attempt=2, instance_id=f"{JOB}:r1:c00003")
NOW = "2026-01-01T00:00:00.000+00:00"


def call(name: str, queue: str = "", entry: str = "", **params: str) -> tuple[int, Any]:
    request = func.HttpRequest(
        method="GET", url="/", body=b"", params=params, route_params={"queue": queue, "entry": entry}
    )
    answer = function(getattr(deadletter_api, name))(request)
    return answer.status_code, json.loads(answer.get_body())


def keep(entry: str = "m1", queue: str = "gpu-tasks-poison", **changes: Any) -> DeadLetter:
    letter = DeadLetter(
        queue=queue, entry=entry, reason="why", body=TASK.to_json(), first_failed=NOW, last_failed=NOW
    ).model_copy(update=changes)
    deadletter.keep(letter)
    return letter


def on_queue(accounts: Account, queue: str) -> list[str]:
    client: QueueClient = accounts.queues.get_queue_client(queue, message_decode_policy=TextBase64DecodePolicy())
    return [message.content for message in client.receive_messages()]


@pytest.fixture
def waiting(accounts: Account) -> Account:
    """The run of `TASK` is on and waits for it."""
    accounts.write_text(layout.JOBS, layout.spec_blob(JOB, TASK.task, 1), "{}", {"token": "t"})
    return accounts


def test_letters_are_listed_without_their_bodies(accounts: Account) -> None:
    keep("m1")
    keep("m2", "gpu-results")
    status, body = call("list_dead_letters")
    assert (status, {entry["entry"] for entry in body["entries"]}) == (200, {"m1", "m2"})
    assert not any("body" in entry for entry in body["entries"])
    assert len(call("list_dead_letters", top="1")[1]["entries"]) == 1


@pytest.mark.parametrize("top", ["0", "-1", "x", "201", "9" * 5_000, "\u0665"])
def test_a_bad_top_is_named(accounts: Account, top: str) -> None:
    status, body = call("list_dead_letters", top=top)
    assert (status, body["errors"][0]["field"]) == (400, "top")


def test_a_letter_is_shown_whole_and_dropped(accounts: Account) -> None:
    letter = keep()
    assert call("get_dead_letter", letter.queue, "m1") == (200, letter.model_dump(mode="json"))
    assert call("drop_dead_letter", letter.queue, "m1")[0] == 200
    assert call("get_dead_letter", letter.queue, "m1")[0] == 404


@pytest.mark.parametrize("name", ["get_dead_letter", "drop_dead_letter", "replay_dead_letter"])
@pytest.mark.parametrize(
    ("queue", "entry", "field"),
    [("jobs", "m1", "queue"), ("..", "m1", "queue"), ("gpu-tasks", "../x", "entry"), ("gpu-tasks", "m9", "entry")],
)
def test_what_is_no_letter_is_404(accounts: Account, name: str, queue: str, entry: str, field: str) -> None:
    status, body = call(name, queue, entry)
    assert (status, body["errors"][0]["field"]) == (404, field)


def test_a_replayed_message_is_on_its_queue_again_and_its_letter_gone(waiting: Account) -> None:
    keep()
    status, body = call("replay_dead_letter", "gpu-tasks-poison", "m1")
    assert (status, body) == (202, {"queue": "gpu-tasks-poison", "entry": "m1", "replayed": True})
    assert on_queue(waiting, "gpu-tasks") == [TASK.to_json()]
    assert deadletter.read("gpu-tasks-poison", "m1") is None


def test_a_message_whose_run_is_over_is_not_replayed_and_the_remedy_is_named(waiting: Account) -> None:
    waiting.write_json(layout.JOBS, layout.ended_blob(JOB, 1), RunEnd(outcome="failed"))
    keep()
    status, body = call("replay_dead_letter", "gpu-tasks-poison", "m1")
    assert status == 409
    assert f"client retry {JOB}" in body["errors"][0]["problem"]
    assert on_queue(waiting, "gpu-tasks") == []
    assert deadletter.read("gpu-tasks-poison", "m1")


@pytest.mark.parametrize("body", ["not json", None, "[" * 30_000, TASK.model_copy(update={"attempt": 3}).to_json()])
def test_a_body_that_is_no_message_is_not_replayed(waiting: Account, body: str | None) -> None:
    keep(body=body)
    status, answer = call("replay_dead_letter", "gpu-tasks-poison", "m1")
    assert status == 409
    assert "drop it" in answer["errors"][0]["problem"]
    assert on_queue(waiting, "gpu-tasks") == []


def test_a_task_that_was_never_submitted_is_not_replayed(accounts: Account) -> None:
    keep()
    assert "has submitted no task" in call("replay_dead_letter", "gpu-tasks-poison", "m1")[1]["errors"][0]["problem"]


@pytest.mark.parametrize("is_over", [True, False])
def test_a_fit_that_was_given_up_is_put_back_only_while_its_run_is_on(accounts: Account, is_over: bool) -> None:
    fit = GpuTask(job=JOB, task="fit-a1", chunk=None, attempt=1, instance_id=layout.model_instance(JOB, 1))
    accounts.write_text(layout.JOBS, layout.spec_blob(JOB, fit.task, 1), "{}", {"token": "t"})
    keep(f"{JOB}-fit", "gpu-tasks", body=fit.to_json())
    if is_over:
        accounts.write_json(layout.JOBS, layout.ended_blob(JOB, 1), RunEnd(outcome="failed"))
    status, body = call("replay_dead_letter", "gpu-tasks", f"{JOB}-fit")
    if is_over:
        assert status == 409
        assert f"client retry {JOB}" in body["errors"][0]["problem"]
        assert on_queue(accounts, "gpu-tasks") == []
    else:
        assert status == 202
        assert on_queue(accounts, "gpu-tasks") == [fit.to_json()]
