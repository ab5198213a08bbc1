"""The queue functions on real queues' messages and a real Azurite: handled, or kept with a reason, never lost."""

import base64
import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities import batch as batch_service
from activities import deadletter
from activities.storage import Account
from contracts import layout
from contracts.deadletter import Failures
from contracts.messages import FINISHED_EVENT, GpuResult
from contracts.steps import RunEnd
from telemetry.ids import RunSpans, SpanRef
from tests.triggers.conftest import RecordingClient, function, queue_message
from triggers import gpu_queues

pytestmark = pytest.mark.timeout(120)

JOB = "clip-0123456789abcdef"
ABOUT: dict[str, Any] = {
    "job": JOB,
    "task": "c00003-a2",
    "chunk": 3,
    "attempt": 2,
    "instance_id": f"{JOB}:r1:c00003",
}
TOKEN = "7f" * 16
TASK, RESULT = json.dumps(ABOUT | {"run": 1}), json.dumps(ABOUT | {"outcome": "succeeded", "token": TOKEN})
SPEC = layout.spec_blob(JOB, "c00003-a2", 1)

on_gpu_task, on_gpu_result = function(gpu_queues.on_gpu_task), function(gpu_queues.on_gpu_result)
on_task_poison, on_result_poison = function(gpu_queues.on_gpu_task_poison), function(gpu_queues.on_gpu_result_poison)


@pytest.fixture
def submitted(accounts: Account) -> Account:
    """A run that is on, with attempt 2 at chunk 3 submitted."""
    accounts.write_text(layout.JOBS, SPEC, "{}", {"token": TOKEN})
    return accounts


def kept(top: int = 10) -> list[Any]:
    return deadletter.newest(top)


def test_a_result_is_told_to_the_chunk_that_awaits_it(submitted: Account, client: RecordingClient) -> None:
    on_gpu_result(queue_message(RESULT), client)
    [(instance, event, data)] = client.events
    assert (instance, event, data["outcome"]) == (ABOUT["instance_id"], FINISHED_EVENT, "succeeded")
    assert kept() == []


@pytest.mark.parametrize(
    ("said", "parent"),
    [
        (None, RunSpans(JOB, 1).task("c00003-a2")),  # a node of an earlier version
        ("00-" + "0" * 32 + "-no-01", RunSpans(JOB, 1).task("c00003-a2")),
        ("00-" + "a" * 32 + "-" + "b" * 16 + "-01", SpanRef(int("a" * 32, 16), int("b" * 16, 16))),
    ],
)
def test_a_results_span_is_a_part_of_the_one_that_its_message_brings(
    submitted: Account,
    client: RecordingClient,
    monkeypatch: pytest.MonkeyPatch,
    said: str | None,
    parent: SpanRef,
) -> None:
    parents: list[SpanRef] = []

    @contextmanager
    def span(name: str, of: SpanRef, **attributes: object) -> Generator[None]:
        parents.append(of)
        yield

    monkeypatch.setattr(gpu_queues, "span", span)
    on_gpu_result(queue_message(json.dumps(json.loads(RESULT) | {"traceparent": said})), client)
    assert parents == [parent]
    assert len(client.events) == 1


def test_a_result_of_a_task_that_was_never_submitted_is_kept(submitted: Account, client: RecordingClient) -> None:
    forged = json.dumps(ABOUT | {"task": "c00003-a1", "attempt": 1, "outcome": "failed", "cause": "job"})
    on_gpu_result(queue_message(forged), client)
    [letter] = kept()
    assert "has submitted no task c00003-a1" in letter.reason
    assert (letter.job, letter.run, letter.chunk, letter.attempt) == (JOB, 1, 3, 1)
    assert client.events == []


@pytest.mark.parametrize("token", [None, "", "00" * 16, TOKEN[:-1], TOKEN + "\u0661"])
def test_a_result_without_the_tasks_own_token_is_kept_and_not_told(
    submitted: Account, client: RecordingClient, token: str | None
) -> None:
    on_gpu_result(queue_message(json.dumps(ABOUT | {"outcome": "failed", "cause": "job", "token": token})), client)
    assert "forged" in kept()[0].reason
    assert client.events == []


def test_a_late_result_of_a_run_that_is_over_is_let_go(submitted: Account, client: RecordingClient) -> None:
    submitted.write_json(layout.JOBS, layout.ended_blob(JOB, 1), RunEnd(outcome="cancelled"))
    on_gpu_result(queue_message(RESULT), client)
    assert (client.events, kept()) == ([], [])


def test_a_result_for_an_instance_that_is_gone_is_let_go(submitted: Account, client: RecordingClient) -> None:
    class Gone(grpc.RpcError):
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.NOT_FOUND

    client.failure = Gone()
    on_gpu_result(queue_message(RESULT), client)


def test_an_unexpected_error_is_not_swallowed(submitted: Account, client: RecordingClient) -> None:
    client.failure = RuntimeError("the durable extension is unwell")
    with pytest.raises(RuntimeError, match="unwell"):
        on_gpu_result(queue_message(RESULT), client)


def test_what_is_not_base64_is_kept_as_it_came(accounts: Account, client: RecordingClient) -> None:
    on_gpu_result(queue_message("<no base64>", raw=True, dequeue_count=1), client)
    [letter] = kept()
    assert letter.body == "<no base64>"
    assert "not base64" in letter.reason


def test_what_is_no_text_is_kept_as_base64(accounts: Account, client: RecordingClient) -> None:
    on_gpu_result(queue_message(b"\xff\xfe", dequeue_count=3), client)
    [letter] = kept()
    assert (letter.body, letter.body_base64) == (None, base64.b64encode(b"\xff\xfe").decode())
    assert letter.dequeue_count == 3


def test_a_submission_for_no_spec_creates_no_batch_task(accounts: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_service, "create_task", lambda *_: pytest.fail("Batch was asked"))
    on_gpu_task(queue_message(TASK))
    assert "has submitted no task" in kept()[0].reason


def test_a_submission_of_a_run_that_is_over_creates_no_batch_task(
    submitted: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_service, "create_task", lambda *_: pytest.fail("Batch was asked"))
    submitted.write_json(layout.JOBS, layout.ended_blob(JOB, 1), RunEnd(outcome="failed"))
    on_gpu_task(queue_message(TASK))
    assert kept() == []


def test_each_failed_submission_is_counted_and_the_letter_says_since_when(
    submitted: Account, client: RecordingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError("no such pool; https://x/?sig=S3cret&se=1\nsecond line")

    monkeypatch.setattr(batch_service, "create_task", broken)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            on_gpu_task(queue_message(TASK))
    failures = submitted.read_json(layout.JOBS, layout.submission_error_blob(JOB, "c00003-a2", 1), Failures)
    assert failures.count == 3
    assert failures.first < failures.last
    on_task_poison(queue_message(TASK), client)
    [letter] = kept()
    assert (letter.first_failed, letter.last_failed) == (failures.first, failures.last)
    assert "could not be submitted to Batch: RuntimeError: no such pool" in letter.reason
    assert "S3cret" not in letter.to_json()
    [(instance, _, data)] = client.events
    told = GpuResult.model_validate(data)
    assert (instance, told.outcome, told.cause) == (ABOUT["instance_id"], "failed", "node")
    assert letter.entry in (told.reason or "")


def test_a_poisoned_result_is_kept_with_what_it_is_about(submitted: Account) -> None:
    bad = json.dumps(ABOUT | {"outcome": "failed", "cause": "frame", "bad_frames": [[7, 9]], "token": TOKEN})
    on_result_poison(queue_message(bad))
    [letter] = kept()
    assert (letter.queue, letter.bad_frames, letter.chunk) == ("gpu-results-poison", ((7, 9),), 3)
    assert "could not be delivered" in letter.reason


@pytest.mark.parametrize("handler", [on_task_poison, on_result_poison])
def test_whatever_comes_to_a_poison_queue_is_kept_even_when_its_run_is_over(
    submitted: Account, client: RecordingClient, handler: Any
) -> None:
    submitted.write_json(layout.JOBS, layout.ended_blob(JOB, 1), RunEnd(outcome="failed"))
    text = TASK if handler is on_task_poison else RESULT
    handler(*([queue_message(text), client] if handler is on_task_poison else [queue_message(text)]))
    assert "it is over now" in kept()[0].reason
    assert client.events == []


def test_hostile_messages_end_in_the_archive_one_for_one(accounts: Account, client: RecordingClient) -> None:
    seen: list[str] = []

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.one_of(
            st.binary(max_size=200),
            st.text(max_size=200).map(lambda text: json.dumps({"job": text}).encode()),
            st.sampled_from([b"[" * 30_000, b'{"device": "' + b"x" * 47_000 + b'"}', TASK.encode(), RESULT.encode()]),
        ),
        st.booleans(),
        st.integers(0, 3),
    )
    def throw(body: bytes, raw: bool, which: int) -> None:
        message = queue_message(body, raw=raw)
        seen.append(str(message.id))
        if which == 0:
            on_gpu_task(message)
        elif which == 1:
            on_gpu_result(message, client)
        elif which == 2:
            on_task_poison(message, client)
        else:
            on_result_poison(message)

    throw()
    names = accounts.container(layout.DEADLETTER).list_blob_names()
    assert sorted(name.rsplit("/", 1)[1].removesuffix(".json") for name in names) == sorted(seen)
    assert all(letter.reason for letter in kept(len(seen)))
    assert client.events == []
