"""Where a run stands, asked of a real durable engine and real storage."""

from collections.abc import Iterator
from typing import Any

import pytest
from durabletask.client import TaskHubGrpcClient

from activities.check_run import check_run
from activities.end_run import mark_ended
from contracts.job import StartInput
from contracts.steps import EndInput, RunRef
from tests.azurite import Azurite
from tests.job_services import job_of, services, start_of
from tests.task_hub import task_hub

pytestmark = pytest.mark.timeout(60)


def score_video(ctx: Any, payload: Any) -> Any:
    """Stands for the workflow: waits to be told how to end."""
    end = yield ctx.wait_for_external_event("end")
    if end == "fail":
        raise ValueError("no more disk")
    return end


@pytest.fixture(scope="module")
def client(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskHubGrpcClient]:
    with (
        pytest.MonkeyPatch.context() as patch,
        services(azurite, tmp_path_factory.mktemp("batch"), patch),
        task_hub([score_video]) as running,
    ):
        yield running


@pytest.fixture
def start(client: TaskHubGrpcClient, request: pytest.FixtureRequest) -> StartInput:
    """A job that runs."""
    pinned = start_of(job_of(request))
    begin(client, pinned)
    return pinned


def begin(client: TaskHubGrpcClient, pinned: StartInput) -> None:
    client.schedule_new_orchestration("score_video", input=pinned.model_dump(mode="json"), instance_id=pinned.job)
    client.wait_for_orchestration_start(pinned.job, timeout=20)


def over(client: TaskHubGrpcClient, pinned: StartInput, how: str) -> None:
    if how == "terminate":
        client.terminate_orchestration(pinned.job, output="enough")
    else:
        client.raise_orchestration_event(pinned.job, "end", data=how)
    client.wait_for_orchestration_completion(pinned.job, timeout=20)


def look(client: Any, pinned: StartInput, run: int = 1) -> tuple[str, str | None, str | None]:
    state = check_run(RunRef(job=pinned.job, run=run), client)
    return state.state, state.end and state.end.outcome, state.end and state.end.reason


def test_a_run_that_goes_on(client: TaskHubGrpcClient, start: StartInput) -> None:
    assert look(client, start) == ("running", None, None)


def test_a_run_terminated_from_outside_with_what_was_said(client: TaskHubGrpcClient, start: StartInput) -> None:
    over(client, start, "terminate")
    assert look(client, start) == ("terminated", "cancelled", "terminated from outside: enough")


def test_a_run_that_its_door_cancelled_keeps_that_reason(client: TaskHubGrpcClient, start: StartInput) -> None:
    mark_ended(EndInput(job=start.job, run=1, outcome="cancelled", reason="by its user"))
    over(client, start, "terminate")
    assert look(client, start) == ("terminated", "cancelled", "by its user")


def test_a_run_whose_door_died_before_it_terminated_it_is_terminated(
    client: TaskHubGrpcClient, start: StartInput
) -> None:
    mark_ended(EndInput(job=start.job, run=1, outcome="cancelled", reason="by its user"))
    assert look(client, start)[0] == "running"
    client.wait_for_orchestration_completion(start.job, timeout=20)
    assert look(client, start) == ("terminated", "cancelled", "by its user")


def test_a_run_that_finished(client: TaskHubGrpcClient, start: StartInput) -> None:
    over(client, start, "finish")
    assert look(client, start) == ("over", "finished", None)


def test_a_run_that_failed_without_a_word_has_its_error_as_reason(client: TaskHubGrpcClient, start: StartInput) -> None:
    over(client, start, "fail")
    state, outcome, reason = look(client, start)
    assert (state, outcome) == ("over", "failed")
    assert reason is not None
    assert "no more disk" in reason


def test_a_run_that_was_terminated_and_purged_still_needs_its_clean_up(
    client: TaskHubGrpcClient, start: StartInput
) -> None:
    over(client, start, "terminate")
    client.purge_orchestration(start.job)
    assert look(client, start) == ("terminated", "cancelled", "terminated from outside")
    mark_ended(EndInput(job=start.job, run=1, outcome="failed", reason="known"))
    assert look(client, start) == ("over", "failed", "known")


def test_an_earlier_run_is_over_and_the_next_is_not_confused_with_it(
    client: TaskHubGrpcClient, start: StartInput
) -> None:
    mark_ended(EndInput(job=start.job, run=1, outcome="failed", reason="known"))
    over(client, start, "fail")
    begin(client, start.model_copy(update={"run": 2}))
    assert look(client, start, run=1) == ("over", "failed", "known")
    assert look(client, start, run=2) == ("running", None, None)
    over(client, start, "terminate")
    assert look(client, start, run=1)[0] == "over"
    assert look(client, start, run=2)[0] == "terminated"
