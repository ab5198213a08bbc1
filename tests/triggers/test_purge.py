"""Forgetting a job: its blobs in every container, its orchestrations, its video if asked; and nobody else's."""

import json
from collections.abc import Iterator
from typing import Any

import azure.functions as func
import pytest

from activities import batch
from activities.storage import data_account, system_account
from contracts import layout
from contracts.deadletter import DeadLetter
from contracts.job import JobRequest, StartInput
from tests.azurite import Azurite
from tests.job_services import services
from tests.local.batch_service.local_batch import until
from tests.task_hub import task_hub
from tests.triggers.conftest import function

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]
OTHERS = "another-0001"


def score_video(ctx: Any, payload: Any) -> Any:
    """Stands for the workflow: one chunk, then the end it is told of."""
    yield ctx.call_sub_orchestrator(
        "score_chunk", input=payload, instance_id=layout.chunk_instance(payload["job"], 0, 1)
    )
    return (yield ctx.wait_for_external_event("end"))


def score_chunk(ctx: Any, payload: Any) -> Any:
    return payload


@pytest.fixture(scope="module")
def hub(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with (
        pytest.MonkeyPatch.context() as patch,
        services(azurite, tmp_path_factory.mktemp("batch"), patch),
        task_hub([score_video, score_chunk]) as client,
    ):
        yield client


@pytest.fixture
def begun(hub: Any, request: pytest.FixtureRequest) -> StartInput:
    """A job under way, with a blob wherever a job leaves one, and blobs of another job beside them."""
    from triggers.starting import resolve

    video = f"x/{request.node.name[:30]}.mp4"
    data_account().write_text(layout.VIDEOS, video, "a video")
    pinned = resolve(JobRequest(video=video, scorer="identity"))
    hub.schedule_new_orchestration("score_video", input=pinned.model_dump(mode="json"), instance_id=pinned.job)
    leave_traces(pinned, pinned.job)
    leave_traces(pinned, OTHERS)
    leave_traces(pinned, f"{pinned.job}1")
    return pinned


def leave_traces(pinned: StartInput, job: str) -> None:
    data_account().write_text(layout.OUTPUTS, layout.output_blob(job, layout.VIDEO_NAME), "painted")
    system = system_account()
    system.write_json(layout.JOBS, layout.start_blob(job), pinned.model_copy(update={"job": job}))
    system.write_text(layout.JOBS, layout.segment_blob(job, "c00000-a1", 1), "a segment")
    system.write_text(layout.JOBS, layout.measured_blob("a" * 8, "b" * 8, job, 1), "{}")
    system.write_text(layout.JOBS, layout.active_blob(pinned.uploader, job), "")
    system.write_text(layout.LOGS, layout.log_blob(job, "c00000-a1", 1), "decoded")
    letter = DeadLetter(
        queue="gpu-tasks", entry=f"{job}-c00000", reason="r", job=job, first_failed="t", last_failed="t"
    )
    system.write_json(layout.DEADLETTER, layout.deadletter_blob(letter.queue, letter.entry), letter)


def traces(job: str) -> set[str]:
    """Every blob whose name has the job's."""
    accounts = {layout.OUTPUTS: data_account()} | dict.fromkeys(
        (layout.JOBS, layout.LOGS, layout.DEADLETTER), system_account()
    )
    return {
        f"{container}/{name}"
        for container, account in accounts.items()
        for name in account.container(container).list_blob_names()
        if job in name and f"{job}1" not in name
    }


def over(hub: Any, begun: StartInput) -> None:
    hub.wait_for_orchestration_completion(layout.chunk_instance(begun.job, 0, 1), timeout=20)
    hub.raise_orchestration_event(begun.job, "end", data="done")
    hub.wait_for_orchestration_completion(begun.job, timeout=20)


def ask(hub: Any, job: str, **params: str) -> tuple[int, Any]:
    from triggers import http_api

    request = func.HttpRequest("POST", f"/api/jobs/{job}/purge", params=params, route_params={"job": job}, body=b"")
    answer = function(http_api.purge_job)(request, hub)
    return answer.status_code, json.loads(answer.get_body())


def test_every_trace_of_a_job_that_is_over_goes_and_nothing_of_others(hub: Any, begun: StartInput) -> None:
    over(hub, begun)
    others = len(traces(OTHERS)), len(traces(f"{begun.job}1"))
    assert len(traces(begun.job)) == 7
    code, told = ask(hub, begun.job)
    assert code == 200
    assert traces(begun.job) == set()
    assert (len(traces(OTHERS)), len(traces(f"{begun.job}1"))) == others == (7, 7)
    assert hub.get_orchestration_state(begun.job) is None
    assert hub.get_orchestration_state(layout.chunk_instance(begun.job, 0, 1)) is None
    counts = {name: told[name] for name in ("outputs", "logs", "dead_letters", "measured", "orchestrations")}
    assert counts == {"outputs": 1, "logs": 1, "dead_letters": 1, "measured": 1, "orchestrations": 2}
    assert told["video"] is None
    assert data_account().exists(layout.VIDEOS, begun.video[0]), "it is its user's, who did not ask"


def test_the_video_goes_too_where_that_is_asked(hub: Any, begun: StartInput) -> None:
    data_account().write_text(layout.VIDEOS, layout.error_blob(begun.video[0]), "{}")
    over(hub, begun)
    assert ask(hub, begun.job, video="true")[1]["video"] == begun.video[0]
    assert not data_account().exists(layout.VIDEOS, begun.video[0])
    assert not data_account().exists(layout.VIDEOS, layout.error_blob(begun.video[0]))


def test_a_video_that_was_replaced_since_stays(hub: Any, begun: StartInput) -> None:
    over(hub, begun)
    data_account().write_text(layout.VIDEOS, begun.video[0], "another video")
    assert ask(hub, begun.job, video="true")[1]["video"] is None
    assert data_account().exists(layout.VIDEOS, begun.video[0])


def test_a_job_under_way_is_not_forgotten(hub: Any, begun: StartInput) -> None:
    hub.wait_for_orchestration_start(begun.job, timeout=20)
    code, told = ask(hub, begun.job)
    assert (code, told["errors"][0]["field"]) == (409, "job")
    assert "cancel it first" in told["errors"][0]["problem"]
    assert len(traces(begun.job)) == 7
    over(hub, begun)


def test_a_job_that_is_still_cleaned_up_after_is_not_forgotten(hub: Any, begun: StartInput) -> None:
    over(hub, begun)
    guard = layout.guard_instance(begun.job, 1)
    hub.schedule_new_orchestration("score_video", input=begun.model_dump(mode="json"), instance_id=guard)
    hub.wait_for_orchestration_start(guard, timeout=20)
    code, told = ask(hub, begun.job)
    assert (code, len(traces(begun.job))) == (409, 7)
    assert "try again in a moment" in told["errors"][0]["problem"]


def test_a_job_whose_history_is_lost_is_forgotten_by_what_lies_in_storage(hub: Any, begun: StartInput) -> None:
    over(hub, begun)
    for instance in (layout.chunk_instance(begun.job, 0, 1), begun.job):
        hub.purge_orchestration(instance)
    assert ask(hub, begun.job)[0] == 200
    assert traces(begun.job) == set()
    assert ask(hub, begun.job)[0] == 404


def test_the_same_work_can_be_asked_for_again(hub: Any, begun: StartInput) -> None:
    """Batch keeps a job that was ended, and takes no more tasks for it: the next run of that name must find none."""
    batch.create_task(layout.batch_job(begun.job, 1), "c00000-a1", "https://spec.example")
    batch.end_job(layout.batch_job(begun.job, 1))
    over(hub, begun)
    assert ask(hub, begun.job)[1]["batch_jobs"] == 1
    until(lambda: batch.find_task(layout.batch_job(begun.job, 1), "c00000-a1") is None)
    assert batch.create_task(layout.batch_job(begun.job, 1), "c00000-a1", "https://spec.example")
    batch.end_job(layout.batch_job(begun.job, 1))


def test_a_call_that_broke_off_is_finished_by_the_next(hub: Any, begun: StartInput) -> None:
    from activities.purge_job import purge_job

    over(hub, begun)
    purge_job(begun, with_video=False)  # and the history was not come to
    code, told = ask(hub, begun.job)
    assert (code, told["orchestrations"], told["outputs"]) == (200, 2, 0)
    assert hub.get_orchestration_state(begun.job) is None
