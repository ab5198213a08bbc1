"""The end of a run, against a real Batch service and real storage."""

import json
from collections.abc import Iterator

import pytest

from activities import batch, storage
from activities.end_run import end_run, find_ended, mark_ended
from activities.refusal import JobRefused
from contracts import layout
from contracts.steps import EndInput, RunEnd, RunRef
from tests.azurite import Azurite
from tests.job_services import job_of, names, services, start_of, write, write_start
from tests.local.batch_service.local_batch import LocalBatch, until

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]


@pytest.fixture(scope="module")
def service(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBatch]:
    with (
        pytest.MonkeyPatch.context() as patch,
        services(azurite, tmp_path_factory.mktemp("batch"), patch) as running,
    ):
        yield running


@pytest.fixture
def job(service: LocalBatch, request: pytest.FixtureRequest) -> str:
    name = job_of(request)
    write_start(start_of(name))
    return name


def ending(job: str, outcome: str, run: int = 1) -> EndInput:
    reason = None if outcome == "finished" else f"it {outcome}"
    return EndInput.model_validate({"job": job, "run": run, "outcome": outcome, "reason": reason})


def leave_intermediates(job: str, run: int = 1) -> None:
    task = layout.chunk_task(0, None, 1)
    write(
        layout.JOBS,
        layout.spec_blob(job, task, run),
        layout.progress_blob(job, task),
        layout.segment_blob(job, task, run),
        layout.outcome_blob(job, 0),
    )
    write(layout.LOGS, layout.log_blob(job, task, run))


def kinds(job: str) -> set[str]:
    """Folders of the job's blobs that are left."""
    return {name.split("/")[1] for name in names(layout.JOBS, f"{job}/") if name.count("/") == 2}


def ended(job: str, run: int = 1) -> RunEnd:
    found = find_ended(RunRef(job=job, run=run))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("outcome", "left"), [("finished", set()), ("cancelled", set()), ("failed", {"segments", "outcomes"})]
)
def test_intermediates_go_but_for_what_a_failed_run_can_use_again_and_logs_stay(
    job: str, outcome: str, left: set[str]
) -> None:
    leave_intermediates(job)
    end_run(ending(job, outcome))
    assert kinds(job) == left
    assert len(names(layout.LOGS, f"{job}/")) == 1


def test_a_run_whose_end_is_waited_for_leaves_the_clean_up_to_its_guard(job: str) -> None:
    leave_intermediates(job)
    write_start(start_of(job, uploader="u"))
    write(layout.JOBS, layout.active_blob("u", job))
    end_run(ending(job, "finished").model_copy(update={"clean_up": False}))
    assert kinds(job) == {"specs", "progress", "segments", "outcomes"}
    assert names(layout.JOBS, layout.active_blob("u", job)) == []  # its uploader may start another
    end_run(ending(job, "finished"))
    assert kinds(job) == set()


def test_running_tasks_are_ended_and_what_they_cost_is_known(service: LocalBatch, job: str) -> None:
    for number in (1, 2, 3):  # two run, one waits and costs nothing
        assert batch.create_task(job, f"t{number}", "http://spec")
    until(lambda: sum(task.state == "running" for task in service.client.list_tasks(job)) == 2)
    end_run(ending(job, "cancelled"))

    spent = ended(job)
    assert (spent.outcome, spent.reason) == ("cancelled", "it cancelled")
    assert spent.seconds > 0
    assert spent.cost == pytest.approx(spent.seconds / 2 * 2, abs=1e-3)  # two slots a node, a price of 2 a second
    until(lambda: not any(task.state == "running" for task in service.client.list_tasks(job)))
    until(lambda: service.client.get_job(job).state == "completed")
    times = [task.execution_info for task in service.client.list_tasks(job)]
    exact = sum((t.end_time - t.start_time).total_seconds() for t in times if t and t.start_time and t.end_time)
    end_run(ending(job, "cancelled"))  # the guard's second pass knows when they really ended
    assert ended(job).seconds == pytest.approx(max(exact, spent.seconds), abs=0.01)


def test_a_failed_run_says_what_all_its_tasks_cost_those_too_that_were_ended_with_it(
    service: LocalBatch, job: str
) -> None:
    assert batch.create_task(job, "t1", "http://spec")
    until(lambda: any(task.state == "running" for task in service.client.list_tasks(job)))
    spent = end_run(ending(job, "failed"))
    assert spent.cost > 0
    assert (ended(job).seconds, ended(job).cost) == (spent.seconds, spent.cost)
    until(lambda: service.client.get_job(job).state == "completed")


def test_the_first_outcome_stands(job: str) -> None:
    assert mark_ended(ending(job, "finished"))[1]
    end_run(ending(job, "cancelled"))
    assert (ended(job).outcome, ended(job).reason) == ("finished", None)


def test_a_second_call_does_not_lower_what_was_spent(job: str) -> None:
    mark_ended(ending(job, "cancelled"))
    known = RunEnd(outcome="cancelled", reason="it cancelled", seconds=100.0, cost=3.0)
    storage.system_account().write_json(layout.JOBS, layout.ended_blob(job, 1), known)
    end_run(ending(job, "cancelled"))  # Batch knows nothing of the job any more
    assert ended(job) == known


def test_a_run_cancelled_before_it_could_publish_fails_and_leaves_no_result(job: str) -> None:
    data = storage.data_account()
    data.write_text(layout.OUTPUTS, layout.output_blob(job, "video.mp4"), "published the moment before")
    end_run(ending(job, "cancelled"))
    assert names(layout.OUTPUTS, f"{job}/") == []
    with pytest.raises(JobRefused, match="was cancelled while its result was being published"):
        end_run(ending(job, "finished"))


def test_the_result_of_an_earlier_run_is_kept(job: str) -> None:
    data = storage.data_account()
    mark_ended(ending(job, "finished"))
    write_start(start_of(job, run=2))
    data.write_text(layout.OUTPUTS, layout.output_blob(job, "video.mp4"), "of run 1")
    end_run(ending(job, "cancelled", run=2))
    assert len(names(layout.OUTPUTS, f"{job}/")) == 1


def test_the_end_of_an_earlier_run_touches_nothing_of_the_one_under_way(job: str) -> None:
    write_start(start_of(job, run=2, uploader="u"))
    write(layout.JOBS, layout.active_blob("u", job))
    leave_intermediates(job, run=1)
    leave_intermediates(job, run=2)
    end_run(ending(job, "cancelled", run=1))
    left = names(layout.JOBS, f"{job}/")
    assert layout.spec_blob(job, "c00000-a1", 1) not in left
    assert {layout.spec_blob(job, "c00000-a1", 2), layout.segment_blob(job, "c00000-a1", 2)} <= set(left)
    assert kinds(job) == {"specs", "progress", "segments", "outcomes"}
    assert names(layout.JOBS, layout.active_blob("u", job))


def test_the_job_is_no_longer_counted_as_under_way(job: str) -> None:
    write_start(start_of(job, uploader="u"))
    write(layout.JOBS, layout.active_blob("u", job))
    end_run(ending(job, "finished"))
    assert names(layout.JOBS, layout.active_blob("u", job)) == []


def test_an_upload_is_told_beside_it_why_its_job_failed_and_a_later_result_takes_that_back(job: str) -> None:
    write_start(start_of(job, door="upload"))
    end_run(ending(job, "failed"))
    name = f"x/{job}.mp4.error.json"
    said = storage.data_account().container(layout.VIDEOS).download_blob(name).readall()
    assert json.loads(said) == {"errors": [{"field": "job", "value": job, "problem": "it failed"}]}

    write_start(start_of(job, door="upload", run=2))
    end_run(ending(job, "finished", run=2))
    assert names(layout.VIDEOS, name) == []


def test_a_job_that_was_posted_leaves_no_file_among_the_videos(job: str) -> None:
    end_run(ending(job, "failed"))
    assert names(layout.VIDEOS, f"x/{job}") == []


def test_a_batch_job_that_has_ended_takes_no_task_and_says_so(service: LocalBatch, job: str) -> None:
    from azure.core.exceptions import ResourceExistsError

    batch.create_task(job, "t1", "http://spec")
    assert not batch.create_task(job, "t1", "http://spec")  # exists: a success
    batch.end_job(job)
    until(lambda: service.client.get_job(job).state == "completed")
    with pytest.raises(ResourceExistsError, match="completed"):
        batch.create_task(job, "t2", "http://spec")
