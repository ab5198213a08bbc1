"""A node that goes when nothing is to do, against one that stays: what a job costs with either, in closed form.

One node, jobs that arrive at random (Poisson), each as long as the next: an M/D/1 queue whose server is switched off
when it has been idle for a while, and has to be set up again. Its cycle, from one moment that it empties to the next,
gives every figure here (for the waiting: Fuhrmann and Cooper, "Stochastic decompositions in the M/G/1 queue with
generalized vacations", 1985). tests/scripts/test_pool_costs.py holds them against simulations.

    python -m scripts.pool_costs --price 0.60 --job 10 --boot 8 --notice 4 --keep-warm 15 --waiting 5 --rate 0.5
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Pool:
    """Minutes and prices of a pool, in any one currency.

    `boot` is paid: the node is there, and not yet ready. `notice` is not: the time until the pool's size follows the
    work. `waiting_price` is what it is worth to a user to wait an hour less.
    """

    price_per_hour: float
    job_minutes: float
    boot_minutes: float
    notice_minutes: float = 0.0
    keep_warm_minutes: float = 0.0
    waiting_price_per_hour: float = 0.0

    @property
    def delay(self) -> float:
        """Hours from a job's arrival at an empty pool to its start."""
        return (self.notice_minutes + self.boot_minutes) / 60

    def cold(self, jobs_per_hour: float) -> float:
        """The chance that no job comes while the idle node is kept warm."""
        return math.exp(-jobs_per_hour * self.keep_warm_minutes / 60)

    def busy(self, jobs_per_hour: float) -> float:
        """The share of an hour that jobs themselves take.

        Raises:
            ValueError: it is all of it, or more: one node is too few.
        """
        share = jobs_per_hour * self.job_minutes / 60
        if not 0 < share < 1:
            raise ValueError(
                f"jobs_per_hour: {jobs_per_hour:g} jobs of {self.job_minutes:g} minutes are {share:.0%} of one node; "
                "give a rate above 0 at which it is less than 100%"
            )
        return share


def paid_share(pool: Pool, jobs_per_hour: float) -> float:
    """The share of time that a node is there and paid for, with a minimum of zero: jobs, boots, and staying warm."""
    cold, busy = pool.cold(jobs_per_hour), pool.busy(jobs_per_hour)
    off = cold * (1 + jobs_per_hour * pool.notice_minutes / 60) * (1 - busy)
    return 1 - off / (1 + cold * jobs_per_hour * pool.delay)


def cold_share(pool: Pool, jobs_per_hour: float) -> float:
    """The share of jobs that find no node ready and wait for one to boot."""
    cold, busy = pool.cold(jobs_per_hour), pool.busy(jobs_per_hour)
    booting = jobs_per_hour * pool.delay
    return cold * (1 + booting) * (1 - busy) / (1 + cold * booting)


def extra_wait_minutes(pool: Pool, jobs_per_hour: float) -> float:
    """What a job waits longer, on average, than it would for a node that is always there."""
    cold, booting = pool.cold(jobs_per_hour), jobs_per_hour * pool.delay
    return 60 * cold * pool.delay * (2 + booting) / (2 * (1 + cold * booting))


def job_cost(pool: Pool, jobs_per_hour: float) -> float:
    """Of one job, with a minimum of zero: the node's, and what the extra wait is worth."""
    node = pool.price_per_hour * paid_share(pool, jobs_per_hour) / jobs_per_hour
    return node + pool.waiting_price_per_hour * extra_wait_minutes(pool, jobs_per_hour) / 60


def job_cost_always_on(pool: Pool, jobs_per_hour: float) -> float:
    """Of one job, with a minimum of one node."""
    pool.busy(jobs_per_hour)
    return pool.price_per_hour / jobs_per_hour


def break_even_rate(pool: Pool) -> float:
    """Jobs an hour from which on a node that is always there costs less.

    It is the same however long an idle node is kept warm: both what that saves and what it costs shrink with the chance
    that no job comes meanwhile. So with jobs that come at random it is best to keep a node warm not at all, below this
    rate, or for ever, above it; for what is not known, or not random, see `keep_warm_minutes`.
    """
    price, waiting = pool.price_per_hour, pool.waiting_price_per_hour
    job, notice, delay = pool.job_minutes / 60, pool.notice_minutes / 60, pool.delay
    # waiting x rate x (2 delay + rate x delay^2) / 2 = price x (1 + rate x notice) x (1 - rate x job)
    square = waiting * delay**2 / 2 + price * notice * job
    linear = waiting * delay + price * (job - notice)
    if square == 0:
        return price / linear
    return (math.sqrt(linear**2 + 4 * square * price) - linear) / (2 * square)


def keep_warm_minutes(pool: Pool) -> float:
    """How long to keep an idle node where nobody knows when the next job comes: as long as a boot is worth.

    Whatever the jobs do, that never costs more than twice what it would to know beforehand (the ski rental problem:
    Karlin, Manasse, Rudolph and Sleator, "Competitive snoopy caching", 1988).
    """
    return pool.boot_minutes + 60 * pool.delay * pool.waiting_price_per_hour / pool.price_per_hour


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.pool_costs", description="A minimum of zero, or of one?")
    options = {
        "price_per_hour": ("--price", "of a node for an hour"),
        "job_minutes": ("--job", "node minutes of a job"),
        "boot_minutes": ("--boot", "minutes that a node boots, paid for"),
        "notice_minutes": ("--notice", "minutes until the pool's size follows the work (default 4)"),
        "keep_warm_minutes": ("--keep-warm", "minutes that an idle node stays (default 15)"),
        "waiting_price_per_hour": ("--waiting", "what an hour less of waiting is worth (default 0)"),
    }
    defaults = {"notice_minutes": 4.0, "keep_warm_minutes": 15.0, "waiting_price_per_hour": 0.0}
    for field in fields(Pool):
        flag, help = options[field.name]
        need = {"default": defaults[field.name]} if field.name in defaults else {"required": True}
        parser.add_argument(flag, dest=field.name, type=float, help=help, **need)
    parser.add_argument("--rate", type=float, required=True, help="jobs an hour")
    args = vars(parser.parse_args(argv))
    rate, pool = args.pop("rate"), Pool(**args)
    try:
        costs = job_cost(pool, rate), job_cost_always_on(pool, rate)
    except ValueError as error:
        parser.error(str(error))
    print(f"minimum 0: {costs[0]:.4g} a job; a node is paid for {paid_share(pool, rate):.0%} of the time,")
    wait = extra_wait_minutes(pool, rate)
    print(f"           {cold_share(pool, rate):.0%} of jobs wait for a boot, a job {wait:.1f} minutes on average")
    print(f"minimum 1: {costs[1]:.4g} a job")
    print(f"a minimum of 1 pays from {break_even_rate(pool):.3g} jobs an hour")
    print(f"not knowing when jobs come, keep an idle node {keep_warm_minutes(pool):.0f} minutes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
