import asyncio

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.local.batch_service.local_batch import LocalBatch, retries, until


def _running_once(batch: LocalBatch, job: str) -> tuple[str, str]:
    """A task that sleeps on its first run and ends at once on its second, and the node it is on."""
    command = "sh -c 'test -e ../again && exit 0; touch ../again; sleep 60'"
    task = batch.create_task(job, command, constraints=retries(0))
    node = batch.reached(job, task, "running").node_info.node_id
    until(lambda: "again" in {file.name for file in batch.client.list_task_files(job, task)})
    return task, node


def test_a_preempted_node_requeues_its_task_which_is_no_retry(batch: LocalBatch) -> None:
    pool = batch.create_pool(0, target_low_priority_nodes=1)
    job = batch.create_job(pool)
    task, node = _running_once(batch, job)
    batch.preempt(node)
    info = batch.completed(job, task).execution_info
    assert (info.result, info.requeue_count, info.retry_count) == ("success", 1, 0)
    assert info.last_requeue_time is not None


def test_a_preempted_node_takes_nothing_until_it_is_back(batch: LocalBatch) -> None:
    pool = batch.create_pool(0, target_low_priority_nodes=1)
    job = batch.create_job(pool)
    node = next(iter(batch.client.list_nodes(pool))).id
    batch.preempt(node, seconds=0.5)
    task = batch.create_task(job, "true")
    assert batch.client.get_node(pool, node).state == "preempted"
    counts = next(iter(batch.client.list_pool_node_counts(filter=f"poolId eq '{pool}'")))
    assert counts.low_priority.preempted == 1
    assert batch.client.get_task(job, task).state == "active"
    batch.completed(job, task)


def test_a_preempted_task_of_a_terminated_job_ends(batch: LocalBatch) -> None:
    job = batch.create_job(batch.create_pool(1))
    task, node = _running_once(batch, job)
    engine = batch.service.engine

    async def preempt_and_terminate() -> None:
        engine.preempt(engine.state.node(engine.state.job(job).spec.pool_info.pool_id, node), 0.0)
        await asyncio.sleep(0)  # the task is told to requeue; its process is not gone yet
        assert engine.state.task(job, task).stop == "requeue"
        engine.jobs.terminate(engine.state.job(job), "test")

    batch.run(preempt_and_terminate())
    info = batch.completed(job, task).execution_info
    assert (info.failure_info.code, info.requeue_count) == ("TaskEnded", 0)


def test_only_known_nodes_can_be_preempted(batch: LocalBatch) -> None:
    with pytest.raises(ResourceNotFoundError, match="NodeNotFound"):
        batch.preempt("nowhere")
    with pytest.raises(HttpResponseError, match="'soon' is not a number"):
        batch.send("POST", f"/_local/nodes/{next(iter(batch.client.list_nodes('main'))).id}/preempt?seconds=soon")


def test_rebooting_a_node_requeues_its_task(batch: LocalBatch) -> None:
    pool = batch.create_pool(1)
    job = batch.create_job(pool)
    task, node = _running_once(batch, job)
    batch.finish(batch.client.begin_reboot_node, pool, node, {"nodeRebootOption": "requeue"})
    assert batch.completed(job, task).execution_info.requeue_count == 1
    until(lambda: batch.client.get_node(pool, node).state == "idle")


def test_a_node_with_scheduling_disabled_takes_no_tasks(batch: LocalBatch) -> None:
    pool = batch.create_pool(1)
    node = next(iter(batch.client.list_nodes(pool))).id
    options = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="taskcompletion")
    batch.client.disable_node_scheduling(pool, node, options)
    job = batch.create_job(pool)
    task = batch.create_task(job, "true")
    batch.perform("true")  # on another pool: the scheduler has looked
    assert batch.client.get_task(job, task).state == "active"
    batch.client.enable_node_scheduling(pool, node)
    batch.completed(job, task)


def test_a_node_counts_what_it_ran(batch: LocalBatch) -> None:
    pool = batch.create_pool(1)
    job = batch.create_job(pool)
    batch.perform("true", job)
    batch.perform("false", job)
    node = next(iter(batch.client.list_nodes(pool)))
    assert (node.total_tasks_run, node.total_tasks_succeeded, node.running_tasks_count) == (2, 1, 0)
    assert {file.name for file in batch.client.list_node_files(pool, node.id)} >= {"shared", "workitems"}
