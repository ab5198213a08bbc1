"""Starting, cancelling and trying again, with a real durable engine, real storage and a real Batch service."""

from collections.abc import Iterator
from typing import Any

import pytest
from durabletask.client import OrchestrationState, TaskHubGrpcClient

from activities import batch, storage
from activities.end_run import find_ended, mark_ended
from contracts import layout
from contracts.job import JobRequest, StartInput
from contracts.steps import EndInput, RunRef
from tests.azurite import Azurite
from tests.job_services import names, services
from tests.local.batch_service.local_batch import LocalBatch, until
from tests.pictures import picture
from tests.task_hub import task_hub

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]


def score_video(ctx: Any, payload: Any) -> Any:
    """Stands for the workflow: waits to be told how to end."""
    end = yield ctx.wait_for_external_event("end")
    if end == "fail":
        raise ValueError("no more disk")
    return end


def guard_run(ctx: Any, payload: Any) -> Any:
    """Stands for the guard: waits for ever."""
    yield ctx.wait_for_external_event("never")


@pytest.fixture(scope="module")
def service(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBatch]:
    with (
        pytest.MonkeyPatch.context() as patch,
        services(azurite, tmp_path_factory.mktemp("batch"), patch, GUARD_SECONDS="3") as running,
    ):
        yield running


@pytest.fixture
def client(service: LocalBatch) -> Iterator[Any]:
    with task_hub([score_video, guard_run]) as running:
        yield running


@pytest.fixture
def pinned(client: TaskHubGrpcClient, request: pytest.FixtureRequest) -> StartInput:
    """A request whose video exists, pinned as both doors do it."""
    from triggers.starting import resolve

    video = f"x/{request.node.name}.mp4"
    storage.data_account().write_text(layout.VIDEOS, video, "a video")
    return resolve(JobRequest(video=video, scorer="identity"))


def begin(client: Any, pinned: StartInput, restart: bool = False) -> OrchestrationState:
    from triggers.starting import start

    assert start(client, pinned, restart=restart) == pinned.job
    return state_of(client, pinned)


def state_of(client: Any, pinned: StartInput) -> OrchestrationState:
    state = client.wait_for_orchestration_start(pinned.job, timeout=20, fetch_payloads=True)
    assert state is not None
    return state


def over(client: TaskHubGrpcClient, pinned: StartInput, how: str) -> OrchestrationState:
    if how == "terminate":
        client.terminate_orchestration(pinned.job, output="enough")
    else:
        client.raise_orchestration_event(pinned.job, "end", data=how)
    state = client.wait_for_orchestration_completion(pinned.job, timeout=20, fetch_payloads=True)
    assert state is not None
    return state


def guard_of(client: TaskHubGrpcClient, pinned: StartInput, run: int = 1) -> Any:
    state = client.get_orchestration_state(layout.guard_instance(pinned.job, run))
    return state and state.get_input()


def run_of(state: OrchestrationState) -> int:
    return StartInput.model_validate(state.get_input()).run


def conflict(client: Any, state: OrchestrationState, do: str) -> dict[str, object]:
    from triggers import job_control

    with pytest.raises(job_control.Conflict) as caught:
        getattr(job_control, do)(client, state)
    [error] = caught.value.errors
    return error


def test_a_job_is_started_with_its_guard_and_its_start_in_storage(client: Any, pinned: StartInput) -> None:
    begin(client, pinned)
    assert guard_of(client, pinned) == {"job": pinned.job, "run": 1, "seconds": 3.0}
    assert storage.system_account().read_json(layout.JOBS, layout.start_blob(pinned.job), StartInput) == pinned


def test_a_start_that_comes_again_starts_the_guard_that_the_first_did_not(client: Any, pinned: StartInput) -> None:
    client.schedule_new_orchestration("score_video", input=pinned.model_dump(mode="json"), instance_id=pinned.job)
    client.wait_for_orchestration_start(pinned.job, timeout=20)
    assert guard_of(client, pinned) is None
    begin(client, pinned)
    assert guard_of(client, pinned) is not None
    first = client.get_orchestration_state(layout.guard_instance(pinned.job, 1))
    begin(client, pinned)  # and a third finds both
    assert client.get_orchestration_state(layout.guard_instance(pinned.job, 1)).created_at == first.created_at


def test_a_finished_job_is_not_started_again(client: Any, pinned: StartInput) -> None:
    begin(client, pinned)
    done = over(client, pinned, "finish")
    assert begin(client, pinned, restart=True).created_at == done.created_at


def test_an_upload_that_is_seen_again_does_not_run_a_cancelled_job_again(client: Any, pinned: StartInput) -> None:
    begin(client, pinned)
    over(client, pinned, "terminate")
    assert run_of(begin(client, pinned, restart=False)) == 1


def test_a_job_whose_history_was_purged_is_run_anew_and_not_as_the_run_that_ended(
    client: Any, pinned: StartInput
) -> None:
    begin(client, pinned)
    mark_ended(EndInput(job=pinned.job, run=1, outcome="finished"))
    over(client, pinned, "finish")
    client.purge_orchestration(pinned.job)
    assert run_of(begin(client, pinned)) == 2


def test_cancelling_marks_terminates_and_ends_the_batch_job(
    client: Any, pinned: StartInput, service: LocalBatch
) -> None:
    from triggers.job_control import cancel

    state = begin(client, pinned)
    batch.create_task(pinned.job, "t1", "http://spec")
    service.reached(pinned.job, "t1", "running")
    cancel(client, state)

    ended = find_ended(RunRef(job=pinned.job, run=1))
    assert ended is not None
    assert (ended.outcome, ended.reason) == ("cancelled", "cancelled by its user")
    assert ended.cost > 0
    service.completed(pinned.job, "t1")
    until(lambda: client.get_orchestration_state(pinned.job).runtime_status.name == "TERMINATED")


def test_a_job_is_cancelled_once_and_a_finished_one_never(client: Any, pinned: StartInput) -> None:
    from triggers.job_control import cancel

    state = begin(client, pinned)
    cancel(client, state)
    assert "cancelled" in str(conflict(client, state, "cancel")["problem"])  # as it looked before it was terminated
    stopped = client.wait_for_orchestration_completion(pinned.job, timeout=20, fetch_payloads=True)
    assert "Terminated" in str(conflict(client, stopped, "cancel")["problem"])


def test_a_job_that_ends_at_that_very_moment_is_not_cancelled(client: Any, pinned: StartInput) -> None:
    state = begin(client, pinned)
    mark_ended(EndInput(job=pinned.job, run=1, outcome="finished"))
    assert "finished" in str(conflict(client, state, "cancel")["problem"])
    assert client.get_orchestration_state(pinned.job).runtime_status.name == "RUNNING"


@pytest.mark.parametrize("end", ["fail", "terminate"])
def test_a_retry_is_the_next_run_of_the_same_request_with_a_guard_of_its_own(
    client: Any, pinned: StartInput, end: str
) -> None:
    from triggers.job_control import retry

    begin(client, pinned.model_copy(update={"door": "upload", "uploader": "u"}))
    ended = over(client, pinned, end)
    assert retry(client, ended) == pinned.job
    again = StartInput.model_validate(state_of(client, pinned).get_input())
    assert again == pinned.model_copy(update={"run": 2, "door": "upload", "uploader": "u"})
    assert storage.system_account().read_json(layout.JOBS, layout.start_blob(pinned.job), StartInput).run == 2
    assert guard_of(client, pinned, run=2)["run"] == 2


def test_what_a_terminated_run_left_is_gone_before_it_is_tried_again(client: Any, pinned: StartInput) -> None:
    from triggers.job_control import retry

    begin(client, pinned)
    storage.system_account().write_text(layout.JOBS, layout.segment_blob(pinned.job, "c00000-a1", 1), "half")
    retry(client, over(client, pinned, "terminate"))
    ended = find_ended(RunRef(job=pinned.job, run=1))
    assert ended is not None
    assert ended.outcome == "cancelled"
    assert names(layout.JOBS, layout.segment_prefix(pinned.job)) == []


def test_a_job_under_way_or_finished_is_not_tried_again(client: Any, pinned: StartInput) -> None:
    state = begin(client, pinned)
    assert "under way (Running)" in str(conflict(client, state, "retry")["problem"])
    mark_ended(EndInput(job=pinned.job, run=1, outcome="cancelled", reason="r"))
    assert "try again in a moment" in str(conflict(client, state, "retry")["problem"])
    done = over(client, pinned, "finish")
    assert "finished" in str(conflict(client, done, "retry")["problem"])


def test_a_video_that_was_replaced_or_deleted_is_named_with_the_remedy(client: Any, pinned: StartInput) -> None:
    begin(client, pinned)
    failed = over(client, pinned, "fail")
    video = pinned.request.video
    storage.data_account().write_text(layout.VIDEOS, video, "another video")
    error = conflict(client, failed, "retry")
    assert (error["field"], error["value"]) == ("video", video)
    assert "replaced" in str(error["problem"])
    assert "submit the job again" in str(error["problem"])

    storage.data_account().container(layout.VIDEOS).delete_blob(video)
    error = conflict(client, failed, "retry")
    assert (error["field"], error["value"]) == ("video", video)
    assert "no such blob" in str(error["problem"])
    assert "submit the job again" in str(error["problem"])


def test_a_style_that_was_replaced_is_named_with_the_remedy(client: Any, pinned: StartInput) -> None:
    from triggers.starting import resolve

    data = storage.data_account()
    styles = data.container(layout.STYLES)
    styles.upload_blob("great-wave.jpg", picture("JPEG"), overwrite=True)
    styled = resolve(JobRequest(video=pinned.request.video, style="great-wave"))
    begin(client, styled)
    failed = over(client, styled, "fail")
    styles.upload_blob("great-wave.jpg", picture("JPEG", seed=2), overwrite=True)
    error = conflict(client, failed, "retry")
    assert (error["field"], error["value"]) == ("style", "great-wave.jpg")
    assert "replaced" in str(error["problem"])
