import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.local.batch_service.local_batch import LocalBatch, fresh, until


def _nodes(batch: LocalBatch, pool: str) -> list[models.BatchNode]:
    return list(batch.client.list_nodes(pool))


def test_a_pool_has_the_nodes_it_was_asked_for(batch: LocalBatch) -> None:
    pool = batch.create_pool(2, target_low_priority_nodes=1, task_slots_per_node=4)
    nodes = _nodes(batch, pool)
    assert sorted(node.is_dedicated for node in nodes) == [False, True, True]
    assert {node.state for node in nodes} == {"idle"}
    found = batch.client.get_pool(pool)
    assert (found.current_dedicated_nodes, found.current_low_priority_nodes, found.task_slots_per_node) == (2, 1, 4)
    counts = next(iter(batch.client.list_pool_node_counts(filter=f"poolId eq '{pool}'")))
    assert (counts.dedicated.idle, counts.dedicated.total, counts.low_priority.idle) == (2, 2, 1)


def test_a_pool_exists_or_not(batch: LocalBatch) -> None:
    assert batch.client.pool_exists("main") is True
    with pytest.raises(ResourceNotFoundError, match="PoolNotFound"):
        batch.client.get_pool("nowhere")
    with pytest.raises(ResourceExistsError, match="PoolExists"):
        batch.client.create_pool(models.BatchPoolCreateOptions(id="MAIN", vm_size="x"))
    assert {"main", "empty"} <= {pool.id for pool in batch.client.list_pools(select=["id"])}


def test_a_resized_pool_converges_and_lets_running_tasks_finish(batch: LocalBatch) -> None:
    pool = batch.create_pool(2)
    job = batch.create_job(pool)
    tasks = [batch.create_task(job, "sleep 0.3") for _ in range(2)]
    for task in tasks:
        batch.reached(job, task, "running")
    resize = models.BatchPoolResizeOptions(target_dedicated_nodes=1, node_deallocation_option="taskcompletion")
    batch.finish(batch.client.begin_resize_pool, pool, resize)
    until(lambda: batch.client.get_pool(pool).allocation_state == "steady")
    assert len(_nodes(batch, pool)) == 1
    infos = [batch.completed(job, task).execution_info for task in tasks]
    assert [(info.result, info.requeue_count) for info in infos] == [("success", 0)] * 2


def test_removing_a_node_requeues_its_task_elsewhere(batch: LocalBatch) -> None:
    pool = batch.create_pool(2)
    job = batch.create_job(pool)
    task = batch.create_task(job, "sh -c 'test $AZ_BATCH_NODE_ID != gone; sleep 0.4'")
    node = batch.reached(job, task, "running").node_info.node_id
    batch.finish(batch.client.begin_remove_nodes, pool, models.BatchNodeRemoveOptions(node_ids=[node]))
    done = batch.completed(job, task)
    assert (done.execution_info.result, done.execution_info.requeue_count) == ("success", 1)
    assert done.node_info.node_id != node
    assert batch.client.get_pool(pool).target_dedicated_nodes == 1


def test_a_deleted_pool_is_gone(batch: LocalBatch) -> None:
    pool = batch.create_pool(1)
    batch.finish(batch.client.begin_delete_pool, pool)
    until(lambda: pool not in {listed.id for listed in batch.client.list_pools()})


def test_a_start_task_prepares_every_node(batch: LocalBatch) -> None:
    start = models.BatchStartTask(
        command_line="sh -c 'echo $FLAG > $AZ_BATCH_NODE_SHARED_DIR/flag'",
        environment_settings=[models.EnvironmentSetting(name="FLAG", value="ready")],
        wait_for_success=True,
    )
    job = batch.create_job(batch.create_pool(1, start_task=start))
    task = batch.perform("sh -c 'cat $AZ_BATCH_NODE_SHARED_DIR/flag'", job)
    assert batch.read(task) == b"ready\n"


@pytest.mark.parametrize("command", ["false", "no-such-program-here"])
def test_a_node_whose_start_task_fails_takes_no_tasks(batch: LocalBatch, command: str) -> None:
    pool = batch.create_pool(1, start_task=models.BatchStartTask(command_line=command, wait_for_success=True))
    assert [node.state for node in _nodes(batch, pool)] == ["starttaskfailed"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"task_slots_per_node": 0}, "taskSlotsPerNode"),
        ({"target_dedicated_nodes": -1}, "targetDedicatedNodes"),
        ({"enable_auto_scale": True}, "autoScaleFormula"),
        ({"enable_auto_scale": True, "auto_scale_formula": "x = ;"}, "autoScaleFormula"),
        (
            {"enable_auto_scale": True, "auto_scale_formula": "x = 1;", "target_dedicated_nodes": 1},
            "targetDedicatedNodes",
        ),
    ],
)
def test_bad_pools_are_refused_by_name(batch: LocalBatch, options: dict[str, object], named: str) -> None:
    with pytest.raises(HttpResponseError, match=named) as refused:
        batch.client.create_pool(models.BatchPoolCreateOptions(id=fresh("pool"), vm_size="x", **options))
    assert refused.value.status_code == 400
