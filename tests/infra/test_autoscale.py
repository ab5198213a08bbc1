"""The formula as it is deployed: in simulated time, and in the local Batch service's own loop with real tasks."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from local.batch_service import Simulation
from local.batch_service.formula import Samples, Value, evaluate
from tests.infra.deployments import INFRA, azure
from tests.infra.simulated_pool import METRICS, SimulatedPool
from tests.local.batch_service.local_batch import LocalBatch, until

# azure-batch 15.1.0 signs with datetime.utcnow().
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch")

# https://learn.microsoft.com/azure/batch/batch-automatic-scaling, 2019 to 2025: neither ceil nor floor nor round.
DOCUMENTED = {
    *("avg", "len", "lg", "ln", "log", "max", "min", "norm", "percentile", "rand", "range", "std", "stop", "sum"),
    *("time", "val", "GetSample", "GetSamplePercent", "Count", "GetSamplePeriod", "HistoryBeginTime"),
}


def _formula(**parameters: Any) -> str:
    pool = azure(**parameters).one("Microsoft.Batch/batchAccounts/pools").body
    return pool["properties"]["scaleSettings"]["autoScale"]["formula"]


def _pool(**parameters: Any) -> SimulatedPool:
    return SimulatedPool(_formula(**parameters))


def _targets(
    formula: str, held: tuple[int, int], samples: int, youngest: float = 75.0, **metrics: float
) -> tuple[int, int]:
    """(dedicated, spot) after `samples` samples of each metric at one value."""
    taken = {
        name: Samples(tuple((youngest + 30 * n, metrics.get(name, 0.0)) for n in range(samples))) for name in METRICS
    }
    current: dict[str, Value] = {"$TargetDedicatedNodes": float(held[0]), "$TargetLowPriorityNodes": float(held[1])}
    result = evaluate(formula, taken, current)
    dedicated, spot = result["$TargetDedicatedNodes"], result["$TargetLowPriorityNodes"]
    assert isinstance(dedicated, float)
    assert isinstance(spot, float)
    return int(dedicated), int(spot)


def test_the_pool_has_the_file_with_every_brace_filled_in() -> None:
    formula = _formula()
    assert not re.search(r"[{}]", formula)
    pattern = re.escape((INFRA / "autoscale.formula").read_text())
    assert re.fullmatch(re.sub(r"\\\{\w+\\\}", r"\\d+", pattern), formula)


def test_a_paused_pool_lets_tasks_finish_and_then_has_no_nodes() -> None:
    paused = _formula(pause="all", minNodes=2)
    assert _targets(paused, held=(1, 3), samples=10, PendingTasks=40) == (0, 0)
    assert "$NodeDeallocationOption = taskcompletion" in paused
    assert _formula(pause="doors") == _formula(), "closed doors leave running jobs their nodes"


def test_it_keeps_to_what_batch_documents_and_takes() -> None:
    formula = _formula()
    assert len(formula.encode()) <= 8 * 1024
    code = re.sub(r"//[^\n]*", "", formula)
    assert set(re.findall(r"(\w+)\(", code)) <= DOCUMENTED
    assert code.isascii()


@pytest.mark.parametrize(
    "parameters", [{}, {"spot": False}, {"minNodes": 1}, {"slotsPerNode": 4}, {"keepWarmMinutes": 0}]
)
def test_a_new_pool_without_samples_is_empty_and_stays_so(parameters: dict[str, Any]) -> None:
    assert _targets(_formula(**parameters), (0, 0), samples=0) == (0, 0)


def test_a_burst_goes_from_zero_to_the_most_to_one_to_zero_and_disturbs_no_task() -> None:
    pool = _pool(maxNodes=8)
    pool.run(30)
    assert pool.history[-1] == (0, 0)
    pool.submit(60, minutes=4)
    pool.run(120)
    sizes = [spot for _, spot in pool.history]
    changes = [now for before, now in zip([0, *sizes], sizes, strict=False) if now != before]
    assert changes[0] == 8
    assert changes[-2:] == [1, 0]
    assert changes == sorted(changes, reverse=True)
    assert all(dedicated == 0 for dedicated, _ in pool.history)
    assert (pool.done, pool.requeued, pool.nodes) == (60, 0, [])


def test_a_pool_no_larger_than_its_work() -> None:
    pool = _pool(maxNodes=8)
    pool.submit(3, minutes=10)
    pool.run(60)
    assert max(pool.history) == (0, 3)


@pytest.mark.parametrize(("tasks", "nodes"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3), (100, 4)])
def test_a_node_with_slots_takes_several_tasks(tasks: int, nodes: int) -> None:
    formula = _formula(slotsPerNode=4)
    assert _targets(formula, (0, 0), samples=10, PendingTasks=tasks) == (0, nodes)


@pytest.mark.parametrize("minutes", [0, 15, 60])
def test_the_last_node_stays_for_as_long_as_was_asked(minutes: int) -> None:
    pool = _pool(keepWarmMinutes=minutes)
    pool.submit(4, minutes=5)
    while pool.done < 4:
        pool.run(0.5)
    ended = pool.step
    while pool.nodes:
        pool.run(0.5)
    stayed = (pool.step - ended) / 2
    # Samples look back at least 3 minutes and are a minute late; then comes the next evaluation, within 5.
    assert minutes <= stayed <= max(3, minutes) + 1 + 5 + 1


def test_a_job_that_comes_while_a_node_is_warm_starts_at_once() -> None:
    pool = _pool(keepWarmMinutes=15)
    pool.submit(1, minutes=5)
    pool.run(25)
    assert pool.count(dedicated=False) == 1
    assert pool.pending == 0
    pool.submit(1, minutes=5)
    pool.run(1)
    assert pool.waiting == []


def test_some_nodes_stay_where_that_is_asked_for() -> None:
    pool = _pool(minNodes=2, maxNodes=8)
    pool.run(240)
    assert pool.history[-1] == (0, 2)


def test_spot_nodes_that_were_taken_away_for_good_are_replaced_by_dedicated_ones_up_to_the_most() -> None:
    pool = _pool(maxNodes=8, maxDedicatedNodes=3)
    pool.submit(2_000, minutes=5)
    pool.run(30)
    assert (pool.count(dedicated=False), pool.count(dedicated=True)) == (8, 0)
    pool.capacity = 2
    pool.run(10)
    assert pool.history[-1] == (0, 8), "a moment's loss is no reason to pay more"
    pool.run(20)
    assert pool.history[-1] == (3, 8)
    assert (pool.count(dedicated=False), pool.count(dedicated=True)) == (2, 3)
    pool.capacity = 100
    pool.run(30)
    assert pool.history[-1] == (0, 8), "spot is back, and dedicated nodes go"


def test_a_region_without_spot_nodes_does_not_keep_a_job_waiting() -> None:
    pool = _pool(maxNodes=8, maxDedicatedNodes=2)
    pool.capacity = 0
    pool.submit(10, minutes=5)
    pool.run(60)
    assert pool.done == 10
    pool.run(30)
    assert pool.nodes == []


def test_without_any_dedicated_nodes_allowed_there_are_none() -> None:
    pool = _pool(maxNodes=8, maxDedicatedNodes=0)
    pool.capacity = 0
    pool.submit(10, minutes=5)
    pool.run(120)
    assert {dedicated for dedicated, _ in pool.history} == {0}


def test_a_job_that_has_only_just_come_gets_no_dedicated_nodes() -> None:
    pool = _pool(maxNodes=8, maxDedicatedNodes=8)
    pool.run(60)
    pool.submit(100, minutes=10)
    pool.run(14)
    assert pool.history[-1] == (0, 8)
    assert {dedicated for dedicated, _ in pool.history} == {0}


def test_a_pool_of_dedicated_nodes_only() -> None:
    pool = _pool(spot=False, maxNodes=5)
    pool.submit(30, minutes=5)
    pool.run(120)
    assert max(pool.history) == (5, 0)
    assert {spot for _, spot in pool.history} == {0}
    assert (pool.done, pool.nodes) == (30, [])


@pytest.mark.parametrize("held", [(0, 4), (2, 4), (1, 0)])
def test_without_samples_the_pool_stays_as_it_is(held: tuple[int, int]) -> None:
    assert _targets(_formula(), held, samples=0) == held
    # Two of six samples: not enough to go by.
    assert _targets(_formula(), held, samples=2, youngest=100.0, PendingTasks=99) == held


def test_a_gap_in_the_samples_changes_nothing_while_it_lasts() -> None:
    pool = _pool(maxNodes=8)
    pool.submit(500, minutes=5)
    pool.run(20)
    assert pool.history[-1] == (0, 8)
    pool.blind = True
    pool.run(60)
    assert set(pool.history[-11:]) == {(0, 8)}
    pool.blind = False
    pool.run(600)
    assert (pool.done, pool.requeued, pool.nodes) == (500, 0, [])


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBatch]:
    """Simulated time passes 500 times as fast as the wall clock's: 5 minutes in 0.6 s."""
    simulation = Simulation(boot_seconds=180.0, time_scale=500.0)
    with LocalBatch(tmp_path_factory.mktemp("fast"), simulation=simulation) as running:
        yield running


def _deployed(batch: LocalBatch, **parameters: Any) -> str:
    interval = timedelta(minutes=5)
    return batch.create_pool(
        enable_auto_scale=True, auto_scale_formula=_formula(**parameters), auto_scale_evaluation_interval=interval
    )


def _spot(batch: LocalBatch, pool: str) -> list[Any]:
    return [node for node in batch.client.list_nodes(pool) if not node.is_dedicated]


@pytest.mark.timeout(120)
def test_on_the_local_batch_service_a_burst_goes_from_zero_to_the_most_to_zero(fast: LocalBatch) -> None:
    pool = _deployed(fast, maxNodes=4, keepWarmMinutes=5)
    assert fast.client.get_pool(pool).target_low_priority_nodes == 0
    job = fast.create_job(pool)
    for number in range(8):
        fast.create_task(job, f"sleep {4 if number == 0 else 0.5}")  # one outlasts the others by far
    until(lambda: fast.client.get_pool(pool).target_low_priority_nodes == 4)
    until(lambda: fast.client.get_job_task_counts(job).task_counts.succeeded == 8)
    until(lambda: fast.client.get_pool(pool).target_low_priority_nodes == 0)
    until(lambda: not list(fast.client.list_nodes(pool)))
    ended: list[Any] = list(fast.client.list_tasks(job))
    assert [task.execution_info.requeue_count for task in ended] == [0] * 8  # shrinking disturbs nobody


@pytest.mark.timeout(120)
def test_on_the_local_batch_service_lost_spot_nodes_are_replaced(fast: LocalBatch) -> None:
    pool = _deployed(fast, maxNodes=2, maxDedicatedNodes=2)
    job = fast.create_job(pool)
    for _ in range(2):
        fast.create_task(job, "sleep 6")
    until(lambda: fast.client.get_job_task_counts(job).task_counts.running == 2)
    for node in _spot(fast, pool):
        fast.preempt(node.id, seconds=24 * 3600.0)
    until(lambda: fast.client.get_pool(pool).target_dedicated_nodes == 2)
    assert fast.client.get_pool(pool).target_low_priority_nodes == 2
    until(lambda: fast.client.get_job_task_counts(job).task_counts.succeeded == 2)
    ended: list[Any] = list(fast.client.list_tasks(job))
    assert all(task.node_info.node_id.endswith("_d") for task in ended)
    until(lambda: fast.client.get_pool(pool).target_dedicated_nodes == 0)


def test_the_formula_is_in_one_file() -> None:
    formulas = [path for path in INFRA.rglob("*") if path.is_file() and "$TargetLowPriorityNodes" in path.read_text()]
    assert formulas == [INFRA / "autoscale.formula"]
