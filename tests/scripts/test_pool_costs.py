"""The closed forms, against a simulation of the same node, and against the pool's own autoscale formula."""

import random

import pytest

from scripts.pool_costs import (
    Pool,
    break_even_rate,
    cold_share,
    extra_wait_minutes,
    job_cost,
    job_cost_always_on,
    keep_warm_minutes,
    main,
    paid_share,
)
from tests.infra.deployments import azure
from tests.infra.simulated_pool import STEP, SimulatedPool

pytestmark = pytest.mark.timeout(60)

POOL = Pool(
    price_per_hour=0.6,
    job_minutes=10,
    boot_minutes=6,
    notice_minutes=3.5,
    keep_warm_minutes=15,
    waiting_price_per_hour=5,
)


def changed(**changes: float) -> Pool:
    return Pool(**({name: getattr(POOL, name) for name in POOL.__dataclass_fields__} | changes))


def simulated(pool: Pool, jobs_per_hour: float, jobs: int = 40_000) -> tuple[float, float, float]:
    """(share of time paid, minutes that a job waits, share of jobs that met no ready node), job after job."""
    chance = random.Random(7)
    now = free = paid = waited = 0.0  # the node is idle since, or busy until, `free`
    ready, cold = -1.0, 0  # when the last boot ended
    for _ in range(jobs):
        now += chance.expovariate(jobs_per_hour / 60)
        if now > free + pool.keep_warm_minutes:
            paid += pool.keep_warm_minutes + pool.boot_minutes
            free = ready = now + pool.notice_minutes + pool.boot_minutes
        elif now > free:
            paid += now - free
            free = now
        cold += now < ready
        waited += max(0.0, free - now)
        free = max(free, now) + pool.job_minutes
        paid += pool.job_minutes
    return paid / free, waited / jobs, cold / jobs


@pytest.mark.parametrize("jobs_per_hour", [0.1, 1.0, 4.0])
@pytest.mark.parametrize("keep_warm", [0.0, 15.0, 60.0])
def test_they_agree_with_a_simulated_node(keep_warm: float, jobs_per_hour: float) -> None:
    pool = changed(keep_warm_minutes=keep_warm)
    paid, waited, cold = simulated(pool, jobs_per_hour)
    busy = jobs_per_hour * pool.job_minutes / 60
    queueing = pool.job_minutes * busy / (2 * (1 - busy))  # M/D/1: what a job waits for those before it in any case
    assert paid_share(pool, jobs_per_hour) == pytest.approx(paid, rel=0.03)
    assert queueing + extra_wait_minutes(pool, jobs_per_hour) == pytest.approx(waited, rel=0.05, abs=0.02)
    assert cold_share(pool, jobs_per_hour) == pytest.approx(cold, rel=0.05, abs=0.003)


def test_they_agree_with_the_autoscale_formula_as_it_is_deployed() -> None:
    """In simulated time: Batch looks every 5 minutes at samples a minute old, and a node takes 3 minutes to boot."""
    steps, jobs, paid, chance = 150 * 3600 // STEP, 0, 0, random.Random(5)
    deployed = azure(keepWarmMinutes=15, maxNodes=1).one("Microsoft.Batch/batchAccounts/pools").body["properties"]
    pool = SimulatedPool(deployed["scaleSettings"]["autoScale"]["formula"])
    for _ in range(steps):
        if chance.random() < STEP / 3600:  # one an hour
            pool.submit(1, minutes=10)
            jobs += 1
        pool.run(STEP / 60)
        del pool.samples[120:]  # an hour's: the formula looks no further back
        paid += len(pool.nodes) > 0
    # Work is seen a minute late and, on average, half of 5 minutes later; so late, but for the minute, a node goes.
    alike = changed(boot_minutes=3, notice_minutes=1 + 2.5, keep_warm_minutes=15 + 2.5)
    assert jobs > 100
    assert paid_share(alike, jobs / 150) == pytest.approx(paid / steps, rel=0.05)


@pytest.mark.parametrize("waiting", [0.5, 5.0, 50.0])
@pytest.mark.parametrize("keep_warm", [0.0, 15.0])
@pytest.mark.parametrize("notice", [0.0, 3.5])
def test_at_the_break_even_rate_both_cost_the_same_and_beside_it_the_right_one_less(
    waiting: float, keep_warm: float, notice: float
) -> None:
    pool = changed(waiting_price_per_hour=waiting, keep_warm_minutes=keep_warm, notice_minutes=notice)
    rate = break_even_rate(pool)
    assert 0 < rate < 6  # jobs of 10 minutes
    assert job_cost(pool, rate) == pytest.approx(job_cost_always_on(pool, rate))
    assert job_cost(pool, rate * 0.8) < job_cost_always_on(pool, rate * 0.8)
    busier = min(rate * 1.1, (rate + 6) / 2)
    assert job_cost(pool, busier) > job_cost_always_on(pool, busier)


def test_who_does_not_mind_waiting_never_pays_for_an_idle_node() -> None:
    assert break_even_rate(changed(waiting_price_per_hour=0)) == pytest.approx(6.0)
    assert break_even_rate(changed(waiting_price_per_hour=0, notice_minutes=0)) == pytest.approx(6.0)


def test_below_the_break_even_rate_no_keeping_warm_is_best_and_above_it_the_longer_the_better() -> None:
    rate = break_even_rate(POOL)
    for factor, best in ((0.5, min), (2.0, max)):
        costs = {k: job_cost(changed(keep_warm_minutes=k), rate * factor) for k in (0.0, 5.0, 15.0, 60.0)}
        assert best(costs) == min(costs, key=lambda k: costs[k])


def test_keeping_warm_as_long_as_a_boot_is_worth_costs_at_most_twice_the_best_whatever_comes() -> None:
    kept = keep_warm_minutes(POOL)
    boot = kept  # the node minutes that a boot, and waiting for it, are worth
    assert kept == pytest.approx(6 + 9.5 * 5 / 0.6)
    for gap in (0.0, kept / 2, kept - 1e-9, kept, 2 * kept, 100 * kept):  # minutes between two jobs
        spent = gap if gap < kept else kept + boot
        assert spent <= 2 * min(gap, boot) + 1e-6


@pytest.mark.parametrize("rate", [0.0, 6.0, 7.0])
def test_more_than_one_node_can_do_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="jobs_per_hour"):
        job_cost(POOL, rate)
    with pytest.raises(ValueError, match="jobs_per_hour"):
        job_cost_always_on(POOL, rate)


def test_it_can_be_asked_for_ones_own_figures(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--price", "0.6", "--job", "10", "--boot", "6", "--notice", "3.5", "--waiting", "5"]
    assert main([*given, "--rate", "0.5"]) == 0
    said = capsys.readouterr().out
    assert f"minimum 0: {job_cost(POOL, 0.5):.4g} a job" in said
    assert f"pays from {break_even_rate(POOL):.3g} jobs an hour" in said
    with pytest.raises(SystemExit):
        main([*given, "--rate", "9"])
