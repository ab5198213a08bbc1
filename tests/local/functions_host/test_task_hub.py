"""The task hub on disk and in memory: what survives, what is forgotten, what is refused."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import durabletask.internal.orchestrator_service_pb2 as pb
import pytest

from local.functions_host.errors import HostFileError
from local.functions_host.persistence import TaskHubStore
from local.functions_host.retention import Retention
from local.functions_host.task_hub import TaskHub
from local.functions_host.work import WorkKind
from tests.local.functions_host import durable_by_hand as hand

pytestmark = pytest.mark.timeout(60)

Open = Callable[..., TaskHub]


@pytest.fixture
def open_hub(tmp_path: Path) -> Iterator[Open]:
    """Opens the same task hub again and again; what is still open at the end is closed."""
    with ExitStack() as stack:

        def open_one(retention: Retention | None = None) -> TaskHub:
            hub = TaskHub(TaskHubStore(tmp_path / "taskhub.db"), retention)
            hub.start()
            stack.callback(_stop_once, hub)
            return hub

        yield open_one


def _stop_once(hub: TaskHub) -> None:
    if not hub._shutdown_event.is_set():
        hub.stop(0)


def reopened(hub: TaskHub, open_hub: Open) -> TaskHub:
    hub.stop(0)
    return open_hub()


def test_a_started_instance_survives(open_hub: Open) -> None:
    hub = open_hub()
    hand.start(hub, "i")
    hub = reopened(hub, open_hub)
    assert hand.take(hub).orchestratorRequest.instanceId == "i"


def test_what_was_accepted_is_on_disk_before_the_call_returns(open_hub: Open, tmp_path: Path) -> None:
    hub = open_hub()
    hand.start(hub, "i")
    stored = {row.id for row in hub._store.load()}
    assert stored == {"i"}


def test_an_interrupted_dispatch_is_done_again(open_hub: Open) -> None:
    hub = open_hub()
    hand.start(hub, "i")
    hand.take(hub)
    hub = reopened(hub, open_hub)
    assert len(hand.news(hand.take(hub), "executionStarted")) == 1


def test_an_unfinished_activity_runs_again_and_a_finished_one_does_not(open_hub: Open) -> None:
    hub = open_hub()
    hand.start(hub, "i")
    hand.decide(hub, hand.activity(1, "first"), hand.activity(2, "second"))
    hand.finish_activity(hub, hand.take(hub, WorkKind.ACTIVITY), "1")
    hub = reopened(hub, open_hub)
    assert hand.take(hub, WorkKind.ACTIVITY).activityRequest.name == "second"
    assert hand.nothing_to_do(hub, WorkKind.ACTIVITY)
    assert [one.taskScheduledId for one in hand.news(hand.take(hub), "taskCompleted")] == [1]


def test_timers_and_children_are_waited_for_again(open_hub: Open) -> None:
    hub = open_hub()
    hand.start(hub, "p")
    hand.decide(hub, hand.child(1, "c"), hand.timer(2, datetime.now(UTC) + timedelta(seconds=0.3)))
    hub = reopened(hub, open_hub)
    assert hand.decide(hub, hand.completed('"c"')).orchestratorRequest.instanceId == "c"
    arrived = set()
    while arrived != {"child", "timer"}:
        item = hand.decide(hub)
        arrived |= {"child" for _ in hand.news(item, "subOrchestrationInstanceCompleted")}
        arrived |= {"timer" for _ in hand.news(item, "timerFired")}


def test_status_input_and_failure_survive(open_hub: Open) -> None:
    hub = open_hub()
    hand.start(hub, "i")
    hand.decide(hub, hand.failed("no frames"))
    before = hub.GetInstance(pb.GetInstanceRequest(instanceId="i", getInputsAndOutputs=True), hand.CONTEXT)
    hub = reopened(hub, open_hub)
    after = hub.GetInstance(pb.GetInstanceRequest(instanceId="i", getInputsAndOutputs=True), hand.CONTEXT)
    assert after == before
    assert after.orchestrationState.failureDetails.errorMessage == "no frames"


def test_a_result_of_an_earlier_run_is_still_refused_after_a_restart(open_hub: Open) -> None:
    hub = open_hub()
    hand.start(hub, "i")
    hand.decide(hub, hand.activity(1))
    old = hand.take(hub, WorkKind.ACTIVITY)
    hand.order_termination(hub, "i")
    hand.decide(hub, hand.terminated())
    hand.start(hub, "i")
    hand.decide(hub, hand.activity(1))
    hub = reopened(hub, open_hub)
    hand.finish_activity(hub, old, '"OLD"')
    assert hand.nothing_to_do(hub)


def test_a_rewound_instance_asks_again_for_what_had_not_answered(open_hub: Open) -> None:
    hub = open_hub()
    hand.start(hub, "i")
    hand.decide(hub, hand.activity(1, "bad"), hand.activity(2, "lost"))
    hand.take(hub, WorkKind.ACTIVITY)
    hand.take(hub, WorkKind.ACTIVITY)
    hub.RaiseEvent(pb.RaiseEventRequest(instanceId="i", name="give-up"), hand.CONTEXT)
    hand.decide(hub, hand.failed("bad"))
    hub.RewindInstance(pb.RewindInstanceRequest(instanceId="i"), hand.CONTEXT)
    item = hand.take(hub)
    request = item.orchestratorRequest
    history = [e for e in [*request.pastEvents, *request.newEvents] if not e.HasField("executionCompleted")]
    clean = [e for e in history if not (e.HasField("taskScheduled") and e.eventId == 1)]
    action = pb.OrchestratorAction(id=-1, rewindOrchestration=pb.RewindOrchestrationAction(newHistory=clean))
    hand.answer(hub, item, action)
    assert hand.take(hub, WorkKind.ACTIVITY).activityRequest.name == "lost"
    hand.decide(hub, hand.activity(1, "bad"))
    assert hand.take(hub, WorkKind.ACTIVITY).activityRequest.name == "bad"


def test_finished_instances_beyond_the_retention_are_forgotten_oldest_first(open_hub: Open) -> None:
    hub = open_hub(Retention(keep_finished=3))
    for number in range(6):
        hand.start(hub, f"i{number}")
        hand.decide(hub, hand.completed())
    hand.start(hub, "running")
    assert hub.purge_expired() == 3
    assert set(hub._instances) == {"i3", "i4", "i5", "running"}
    hub = reopened(hub, open_hub)
    assert set(hub._instances) == {"i3", "i4", "i5", "running"}


def test_children_do_not_push_finished_parents_out(open_hub: Open) -> None:
    hub = open_hub(Retention(keep_finished=2))
    hand.start(hub, "earlier")
    hand.decide(hub, hand.completed())
    hand.start(hub, "p")
    hand.decide(hub, *(hand.child(number, f"p:{number}") for number in range(1, 6)))
    for _ in range(5):
        hand.decide(hub, hand.completed())
    assert hub.purge_expired() == 0  # the parent runs: a rewind would need its children
    hand.decide(hub, hand.completed())
    assert hub.purge_expired() == 3
    assert {"earlier", "p"} <= set(hub._instances)


def test_instances_of_one_orchestrator_do_not_push_those_of_another_out(open_hub: Open) -> None:
    hub = open_hub(Retention(keep_finished=1))
    for number in range(3):
        hand.start(hub, f"job{number}", name="work")
        hand.decide(hub, hand.completed())
        hand.start(hub, f"guard{number}", name="watch")
        hand.decide(hub, hand.completed())
    hub.purge_expired()
    assert set(hub._instances) == {"job2", "guard2"}


def test_finished_instances_older_than_the_maximum_age_are_forgotten(open_hub: Open) -> None:
    hub = open_hub(Retention(keep_finished=100, max_age=timedelta(hours=1)))
    for name in ("old", "new"):
        hand.start(hub, name)
        hand.decide(hub, hand.completed())
    hub._instances["old"].completed_at = datetime.now(UTC) - timedelta(hours=2)
    assert hub.purge_expired() == 1
    assert set(hub._instances) == {"new"}


def test_a_second_host_on_the_same_state_is_refused(open_hub: Open, tmp_path: Path) -> None:
    reopened(open_hub(), open_hub)
    with pytest.raises(HostFileError, match=r"taskhub\.db.*another host"):
        TaskHubStore(tmp_path / "taskhub.db")


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "taskhub.db"
    with sqlite3.connect(path) as database:
        database.execute("pragma user_version=99")
    database.close()
    with pytest.raises(HostFileError, match="format 99"):
        TaskHubStore(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "taskhub.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(HostFileError, match="not a database"):
        TaskHubStore(path)
