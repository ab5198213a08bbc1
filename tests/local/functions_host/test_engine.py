"""One test per defect of the stock in-memory backend, and for what replaces its threads."""

import functools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import durabletask.internal.orchestrator_service_pb2 as pb
import grpc
import pytest
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient
from durabletask.testing import in_memory_backend

from local.functions_host.work import WorkEngine, WorkKind
from tests.local.functions_host import durable_by_hand as hand
from tests.local.functions_host.running_host import eventually

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def engine() -> Iterator[WorkEngine]:
    engine = WorkEngine()
    engine.address = engine.start()  # type: ignore[attr-defined]
    yield engine
    engine.stop(0)


@pytest.fixture
def client(engine: WorkEngine) -> Iterator[TaskHubGrpcClient]:
    client = TaskHubGrpcClient(host_address=engine.address)  # type: ignore[attr-defined]
    yield client
    client.close()


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_wait_without_a_deadline_has_no_end(engine: WorkEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    deadlines: list[float | None] = []

    class RecordingEvent(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            deadlines.append(timeout)
            return super().wait(timeout)

    hand.start(engine, "slow")
    waiter = functools.partial(in_memory_backend.StateWaiter, event=RecordingEvent())
    monkeypatch.setattr(in_memory_backend, "StateWaiter", waiter)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(engine._wait_for_state, "slow", engine._is_terminal_status_check, None)
        eventually(lambda: deadlines, "the wait to begin")
        hand.decide(engine, hand.completed('"done"'))
        assert waiting.result(20).output == '"done"'
    assert deadlines == [threading.TIMEOUT_MAX]


def test_waiting_for_an_unknown_instance_returns_at_once(client: TaskHubGrpcClient) -> None:
    assert client.wait_for_orchestration_completion("nobody", timeout=20) is None


def test_a_timer_of_an_earlier_run_does_not_fire_in_the_next(engine: WorkEngine) -> None:
    hand.start(engine, "i")
    hand.decide(engine, hand.timer(1, soon(0.1)), hand.continued_as_new())
    second = soon(0.4)
    hand.decide(engine, hand.timer(1, second))
    fired = hand.news(hand.take(engine), "timerFired")
    assert [one.fireAt.ToDatetime(tzinfo=UTC) for one in fired] == [second]


def test_an_activity_result_does_not_reach_a_later_run_of_the_same_id(engine: WorkEngine) -> None:
    hand.start(engine, "same")
    hand.decide(engine, hand.activity(1))
    old = hand.take(engine, WorkKind.ACTIVITY)
    hand.order_termination(engine, "same")
    hand.decide(engine, hand.terminated())
    hand.start(engine, "same")
    hand.decide(engine, hand.activity(1))
    new = hand.take(engine, WorkKind.ACTIVITY)
    hand.finish_activity(engine, old, '"OLD"')
    assert hand.nothing_to_do(engine)
    hand.finish_activity(engine, new, '"NEW"')
    assert [one.result.value for one in hand.news(hand.take(engine), "taskCompleted")] == ['"NEW"']


def test_an_activity_result_does_not_reach_the_run_after_continue_as_new(engine: WorkEngine) -> None:
    hand.start(engine, "i")
    hand.decide(engine, hand.activity(1), hand.continued_as_new())
    old = hand.take(engine, WorkKind.ACTIVITY)
    hand.decide(engine, hand.activity(1))
    hand.finish_activity(engine, old, '"OLD"')
    assert hand.nothing_to_do(engine)


def test_a_history_beyond_ten_thousand_events_goes_on(engine: WorkEngine) -> None:
    count = 5_100  # a scheduled and a completed event each
    hand.start(engine, "wide")
    hand.decide(engine, *(hand.activity(number) for number in range(1, count + 1)))
    for _ in range(count):
        hand.finish_activity(engine, hand.take(engine, WorkKind.ACTIVITY), "1")
    hand.decide(engine, hand.completed())
    assert hand.status(engine, "wide") == pb.ORCHESTRATION_STATUS_COMPLETED


def test_many_clients_can_wait_at_once(engine: WorkEngine, client: TaskHubGrpcClient) -> None:
    waiters = 40  # the stock server has 10 threads
    hand.start(engine, "slow")
    with ThreadPoolExecutor(waiters) as pool:
        waits = [pool.submit(client.wait_for_orchestration_completion, "slow", timeout=50) for _ in range(waiters)]
        eventually(lambda: len(engine._state_waiters.get("slow", ())) == waiters, "all to wait")
        hand.decide(engine, hand.completed())
        assert {one.result().runtime_status for one in waits} == {OrchestrationStatus.COMPLETED}  # type: ignore[union-attr]


def test_a_scheduled_start_waits_for_its_time(engine: WorkEngine) -> None:
    hand.start(engine, "tomorrow", at=soon(86_400))
    assert hand.nothing_to_do(engine)
    hand.start(engine, "soon", at=soon(0.2))
    assert hand.take(engine).orchestratorRequest.instanceId == "soon"


def test_a_scheduled_instance_can_be_terminated_before_its_time(engine: WorkEngine) -> None:
    hand.start(engine, "tomorrow", at=soon(86_400))
    hand.order_termination(engine, "tomorrow")
    assert hand.news(hand.take(engine), "executionTerminated")


def test_timers_and_children_cost_no_threads(engine: WorkEngine) -> None:
    before = threading.active_count()
    hand.start(engine, "many")
    timers = (hand.timer(number, soon(3600)) for number in range(1, 201))
    hand.decide(engine, *timers, *(hand.child(number, f"child-{number}") for number in range(201, 401)))
    assert len(engine._instances) == 201
    assert threading.active_count() == before


def test_every_history_event_is_dated(engine: WorkEngine) -> None:
    hand.start(engine, "i")
    hand.decide(engine, hand.activity(1), hand.timer(2, soon(0.01)), hand.child(3, "c"))
    hand.finish_activity(engine, hand.take(engine, WorkKind.ACTIVITY), "1")
    hand.decide(engine, hand.completed())
    hand.decide(engine, hand.completed())
    assert {event.timestamp.ToDatetime().year for event in engine._instances["i"].history} == {datetime.now(UTC).year}


def test_a_failure_without_a_message_is_a_failure(engine: WorkEngine) -> None:
    hand.start(engine, "i")
    hand.decide(engine, hand.activity(1))
    item = hand.take(engine, WorkKind.ACTIVITY)
    details = pb.TaskFailureDetails(errorType="ValueError", errorMessage="")
    response = pb.ActivityResponse(
        instanceId="i", taskId=1, completionToken=item.completionToken, failureDetails=details
    )
    engine.CompleteActivityTask(response, hand.CONTEXT)
    failures = hand.news(hand.take(engine), "taskFailed")
    assert [one.failureDetails.errorMessage for one in failures] == ["ValueError"]


def test_an_id_can_be_used_again_once_its_instance_has_ended(engine: WorkEngine, client: TaskHubGrpcClient) -> None:
    hand.start(engine, "again")
    hand.decide(engine, hand.completed())
    client.schedule_new_orchestration("flow", instance_id="again")
    assert hand.status(engine, "again") == pb.ORCHESTRATION_STATUS_PENDING


def test_the_id_of_a_running_instance_is_refused(engine: WorkEngine, client: TaskHubGrpcClient) -> None:
    hand.start(engine, "busy")
    with pytest.raises(grpc.RpcError) as refusal:
        client.schedule_new_orchestration("flow", instance_id="busy")
    assert refusal.value.code() == grpc.StatusCode.ALREADY_EXISTS  # type: ignore[attr-defined]


def test_a_full_activity_queue_does_not_hold_up_orchestrators(engine: WorkEngine) -> None:
    hand.start(engine, "wide")
    hand.decide(engine, *(hand.activity(number) for number in range(1, 101)))
    hand.start(engine, "other")
    assert hand.take(engine).orchestratorRequest.instanceId == "other"


def test_an_instance_is_dispatched_once_at_a_time(engine: WorkEngine) -> None:
    hand.start(engine, "i")
    item = hand.take(engine)
    engine.RaiseEvent(pb.RaiseEventRequest(instanceId="i", name="go"), hand.CONTEXT)
    assert hand.nothing_to_do(engine)
    hand.answer(engine, item)
    assert [one.name for one in hand.news(hand.take(engine), "eventRaised")] == ["go"]


def test_a_child_reports_to_its_parent(engine: WorkEngine) -> None:
    hand.start(engine, "p")
    hand.decide(engine, hand.child(1, "p:0"))
    hand.decide(engine, hand.completed('"fine"'))
    assert [one.result.value for one in hand.news(hand.take(engine), "subOrchestrationInstanceCompleted")] == ['"fine"']


def test_a_failed_child_tells_its_parent_why(engine: WorkEngine) -> None:
    hand.start(engine, "p")
    hand.decide(engine, hand.child(1, "p:0"))
    hand.decide(engine, hand.failed("no frames"))
    failures = hand.news(hand.take(engine), "subOrchestrationInstanceFailed")
    details = [(one.failureDetails.errorType, one.failureDetails.errorMessage) for one in failures]
    assert details == [("ValueError", "no frames")]


def test_recursive_termination_ends_the_children(engine: WorkEngine) -> None:
    hand.start(engine, "p")
    hand.decide(engine, hand.child(1, "p:0"))
    hand.decide(engine, hand.child(1, "p:0:0"))
    hand.decide(engine)
    hand.order_termination(engine, "p", recursive=True)
    for _ in range(3):
        item = hand.decide(engine, hand.terminated())
        assert hand.news(item, "executionTerminated")
    ended = {hand.status(engine, one) for one in ("p", "p:0", "p:0:0")}
    assert ended == {pb.ORCHESTRATION_STATUS_TERMINATED}


def test_plain_termination_leaves_the_children(engine: WorkEngine) -> None:
    hand.start(engine, "p")
    hand.decide(engine, hand.child(1, "p:0"))
    hand.decide(engine)
    hand.order_termination(engine, "p")
    hand.decide(engine, hand.terminated())
    assert hand.nothing_to_do(engine)
    assert hand.status(engine, "p:0") == pb.ORCHESTRATION_STATUS_RUNNING


def test_a_terminated_instance_is_not_dispatched_again(engine: WorkEngine) -> None:
    hand.start(engine, "i")
    hand.decide(engine, hand.activity(1))
    late = hand.take(engine, WorkKind.ACTIVITY)
    hand.order_termination(engine, "i")
    hand.decide(engine, hand.terminated())
    hand.finish_activity(engine, late, "1")
    engine.RaiseEvent(pb.RaiseEventRequest(instanceId="i", name="late"), hand.CONTEXT)
    assert hand.nothing_to_do(engine)
    assert engine._instances["i"].pending_events == []


def test_stopping_wakes_those_who_wait_for_work(engine: WorkEngine) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(engine.take, WorkKind.ACTIVITY, 3600.0)
        engine.stop(0)
        assert waiting.result(20) is None
