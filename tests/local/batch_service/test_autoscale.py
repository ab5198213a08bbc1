"""The closed loop in the running service: simulated time passes 1000 times as fast as the wall clock's."""

from collections.abc import Iterator

import pytest
from azure.batch import models
from azure.core.exceptions import ResourceExistsError

from local.batch_service import Simulation
from tests.local.batch_service.formulas import SCALE_TO_ZERO
from tests.local.batch_service.local_batch import LocalBatch, until

FORMULA = SCALE_TO_ZERO.format(dedicated=0)


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBatch]:
    with LocalBatch(tmp_path_factory.mktemp("fast"), simulation=Simulation(time_scale=1000.0)) as running:
        yield running


def _target(batch: LocalBatch, pool: str) -> int | None:
    return batch.client.get_pool(pool).target_low_priority_nodes


@pytest.mark.timeout(120)
def test_a_burst_scales_from_zero_to_eight_to_one_to_zero(fast: LocalBatch) -> None:
    pool = fast.create_pool(enable_auto_scale=True, auto_scale_formula=FORMULA)
    assert _target(fast, pool) == 0
    job = fast.create_job(pool)
    for _ in range(20):
        fast.create_task(job, "sleep 0.6")
    until(lambda: _target(fast, pool) == 8)
    until(lambda: fast.client.get_job_task_counts(job).task_counts.succeeded == 20)
    until(lambda: _target(fast, pool) == 1)
    until(lambda: _target(fast, pool) == 0)
    until(lambda: not list(fast.client.list_nodes(pool)))
    requeues = [task.execution_info.requeue_count for task in fast.client.list_tasks(job)]
    assert requeues == [0] * 20  # taskcompletion: shrinking disturbs nobody


def test_a_run_is_reported_and_its_error_too(fast: LocalBatch) -> None:
    pool = fast.create_pool(enable_auto_scale=True, auto_scale_formula="$TargetDedicatedNodes = 2;")
    run = until(lambda: fast.client.get_pool(pool).auto_scale_run)
    assert "$TargetDedicatedNodes=2" in run.results
    request = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = 1 / 0;")
    evaluated = fast.client.evaluate_pool_auto_scale(pool, request)
    assert evaluated.error.code == "InvalidAutoScaleFormula"
    assert evaluated.error.message == "division by zero"
    assert fast.client.get_pool(pool).target_dedicated_nodes == 2


def test_autoscale_can_be_turned_on_and_off(fast: LocalBatch) -> None:
    pool = fast.create_pool(1)
    enable = models.BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = 3;")
    fast.client.enable_pool_auto_scale(pool, enable)
    until(lambda: len(list(fast.client.list_nodes(pool))) == 3)
    with pytest.raises(ResourceExistsError, match="AutoscaleEnabled"):
        fast.finish(fast.client.begin_resize_pool, pool, models.BatchPoolResizeOptions(target_dedicated_nodes=1))
    fast.client.disable_pool_auto_scale(pool)
    with pytest.raises(ResourceExistsError, match="AutoScalingNotEnabled"):
        fast.client.evaluate_pool_auto_scale(
            pool, models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="x = 1;")
        )
    until(lambda: fast.client.get_pool(pool).allocation_state == "steady")
    fast.finish(fast.client.begin_resize_pool, pool, models.BatchPoolResizeOptions(target_dedicated_nodes=1))
    until(lambda: len(list(fast.client.list_nodes(pool))) == 1)
