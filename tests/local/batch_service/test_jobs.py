import datetime
import itertools
from typing import Any

import pytest
from azure.batch import models
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from tests.local.batch_service.local_batch import LocalBatch, fresh, until

TERMINATE: Any = {"terminateReason": "no longer needed"}  # without options the SDK raises ValueError


def _ended(batch: LocalBatch, job: str) -> models.BatchJob:
    seen = until(lambda: found if (found := batch.client.get_job(job)).state == "completed" else None)
    assert seen is not None
    return seen


def test_a_job_is_created_listed_and_found_again(batch: LocalBatch) -> None:
    job = batch.create_job(priority=5)
    found = batch.client.get_job(job)
    assert (found.state, found.priority, found.pool_info.pool_id) == ("active", 5, "main")
    assert job in {listed.id for listed in batch.client.list_jobs(filter="state eq 'active' and priority ge 5")}
    with pytest.raises(ResourceExistsError, match="JobExists"):
        batch.client.create_job(
            models.BatchJobCreateOptions(id=job.upper(), pool_info=models.BatchPoolInfo(pool_id="main"))
        )


def test_an_unknown_job_is_not_found(batch: LocalBatch) -> None:
    with pytest.raises(ResourceNotFoundError, match="JobNotFound"):
        batch.client.get_job("nowhere")


def test_a_terminated_job_ends_its_tasks_and_takes_no_more(batch: LocalBatch) -> None:
    job = batch.create_job()
    running = batch.create_task(job, "sleep 60")
    batch.reached(job, running, "running")
    waiting = batch.create_task(job, "true", required_slots=3)  # more than a node has
    batch.finish(batch.client.begin_terminate_job, job, TERMINATE)
    assert _ended(batch, job).execution_info.termination_reason == "no longer needed"
    assert batch.client.get_task(job, running).execution_info.failure_info.code == "TaskEnded"
    assert batch.client.get_task(job, waiting).state == "active"
    with pytest.raises(ResourceExistsError, match="JobCompleted"):
        batch.create_task(job, "true")
    with pytest.raises(ResourceExistsError, match="JobCompleted"):
        batch.finish(batch.client.begin_terminate_job, job, TERMINATE)


def test_a_deleted_job_is_gone_with_its_files_and_its_id_is_free(batch: LocalBatch) -> None:
    job = batch.create_job()
    task = batch.perform("pwd", job)
    folder = batch.state / "nodes/main" / task.node_info.node_id / "workitems" / job
    assert folder.is_dir()
    batch.finish(batch.client.begin_delete_job, job)
    until(lambda: job not in {listed.id for listed in batch.client.list_jobs()})
    until(lambda: not folder.exists())
    pool = models.BatchPoolInfo(pool_id="main")
    batch.client.create_job(models.BatchJobCreateOptions(id=job, pool_info=pool))
    assert list(batch.client.list_tasks(job)) == []


def test_a_job_ends_with_its_last_task_if_asked(batch: LocalBatch) -> None:
    job = batch.create_job()
    batch.perform("true", job)
    batch.client.update_job(job, models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob"))
    assert _ended(batch, job).execution_info.termination_reason == "AllTasksComplete"


def test_an_empty_job_that_ends_with_its_last_task_ends_at_once(batch: LocalBatch) -> None:
    _ended(batch, batch.create_job(all_tasks_complete_mode="terminatejob"))


def test_a_job_ends_when_its_time_is_up(batch: LocalBatch) -> None:
    limit = models.BatchJobConstraints(max_wall_clock_time=datetime.timedelta(seconds=0.3))
    job = batch.create_job(constraints=limit)
    task = batch.create_task(job, "sleep 60")
    assert _ended(batch, job).execution_info.termination_reason == "MaxWallClockTimeExpiry"
    assert batch.client.get_task(job, task).state == "completed"


@pytest.mark.parametrize("what", ["requeue", "terminate", "wait"])
def test_a_disabled_job_starts_nothing_until_enabled(batch: LocalBatch, what: str) -> None:
    job = batch.create_job()
    running = batch.create_task(job, "sleep 0.5")
    batch.reached(job, running, "running")
    batch.finish(batch.client.begin_disable_job, job, models.BatchJobDisableOptions(disable_tasks=what))
    until(lambda: batch.client.get_job(job).state == "disabled")
    seen = batch.client.get_task(job, running)
    expected = {"requeue": ("active", 1), "terminate": ("completed", 0), "wait": ("completed", 0)}[what]
    assert (seen.state, seen.execution_info.requeue_count) == expected
    waiting = batch.create_task(job, "true")
    batch.perform("true")  # of another job: the scheduler has looked
    assert batch.client.get_task(job, waiting).state == "active"
    batch.finish(batch.client.begin_enable_job, job)
    batch.completed(job, waiting)
    batch.completed(job, running)


def test_an_exit_condition_can_end_the_job(batch: LocalBatch) -> None:
    job = batch.create_job(task_failure_mode="performexitoptionsjobaction")
    mapping = models.ExitCodeMapping(code=7, exit_options=models.ExitOptions(job_action="terminate"))
    spared = models.ExitConditions(exit_codes=[mapping], default=models.ExitOptions(job_action="none"))
    batch.perform("false", job, exit_conditions=spared)
    assert batch.client.get_job(job).state == "active"
    batch.create_task(job, "sh -c 'exit 7'", exit_conditions=spared)
    assert _ended(batch, job).execution_info.termination_reason == "TaskFailed"


def test_changes_honour_the_entity_tag(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    change = models.BatchJobUpdateOptions(priority=9)
    with pytest.raises(ResourceModifiedError, match="ConditionNotMet"):
        batch.client.update_job(job, change, etag="0xOLD", match_condition=MatchConditions.IfNotModified)
    etag = batch.client.get_job(job).etag
    batch.client.update_job(job, change, etag=etag, match_condition=MatchConditions.IfNotModified)
    assert batch.client.get_job(job).priority == 9


def test_replacing_a_job_resets_what_is_not_given(batch: LocalBatch) -> None:
    job = batch.create_job("empty", priority=9, max_parallel_tasks=3)
    batch.client.replace_job(job, models.BatchJob(pool_info=models.BatchPoolInfo(pool_id="main"), priority=2))
    found = batch.client.get_job(job)
    assert (found.priority, found.max_parallel_tasks, found.pool_info.pool_id) == (2, -1, "main")


def test_higher_priority_goes_first(batch: LocalBatch) -> None:
    pool = batch.create_pool()
    low, high = batch.create_job(pool, priority=0), batch.create_job(pool, priority=10)
    second, first = batch.create_task(low, "true"), batch.create_task(high, "true")
    batch.finish(batch.client.begin_resize_pool, pool, models.BatchPoolResizeOptions(target_dedicated_nodes=1))
    earlier, later = batch.completed(high, first), batch.completed(low, second)
    assert earlier.execution_info.start_time < later.execution_info.start_time


def test_a_job_runs_at_most_as_many_tasks_as_it_may(batch: LocalBatch) -> None:
    job = batch.create_job(max_parallel_tasks=1)
    tasks = [batch.create_task(job, "sleep 0.05") for _ in range(3)]
    seen = sorted((batch.completed(job, task).execution_info for task in tasks), key=lambda info: info.start_time)
    assert all(one.end_time <= following.start_time for one, following in itertools.pairwise(seen))


def test_a_task_waits_until_its_slots_are_free_while_smaller_ones_pass(batch: LocalBatch) -> None:
    pool = batch.create_pool(1, task_slots_per_node=2)
    job = batch.create_job(pool)
    blocker = batch.create_task(job, "sleep 60")
    batch.reached(job, blocker, "running")
    wide = batch.create_task(job, "true", required_slots=2)
    batch.perform("true", job)
    assert batch.client.get_task(job, wide).state == "active"
    batch.client.terminate_task(job, blocker)
    batch.completed(job, wide)


@pytest.mark.parametrize(
    ("options", "named"), [({"priority": 5000}, "priority"), ({"max_parallel_tasks": -2}, "maxParallelTasks")]
)
def test_bad_jobs_are_refused_by_name(batch: LocalBatch, options: dict[str, int], named: str) -> None:
    with pytest.raises(HttpResponseError, match=named) as refused:
        batch.create_job(**options)
    assert refused.value.status_code == 400


def test_a_job_needs_a_pool(batch: LocalBatch) -> None:
    with pytest.raises(HttpResponseError, match="poolInfo"):
        batch.client.create_job(models.BatchJobCreateOptions(id=fresh("job"), pool_info=None))
