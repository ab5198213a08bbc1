"""Many runs on one stack, several at once where their faults allow it, and what is checked when none is under way."""

import itertools
import random
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.chaos import checker
from tests.chaos.faults.catalogue import FAULTS
from tests.chaos.jobs import Clips
from tests.chaos.run import Outcome, RunPlan, perform
from tests.chaos.stack import Stack
from tests.chaos.undisturbed import Undisturbed

AT_ONCE = 3  # jobs on a stack of two nodes
_COMBINED = 5  # every fifth run has a second fault


def seeds(seed: int, only: str | None = None) -> Iterator[str]:
    """Seeds of runs without end: every fault once, in an order of its own, then again; or `only` the one."""
    number = itertools.count(seed * 10_000)
    for cycle in itertools.count():
        rng = random.Random(f"{seed}/{cycle}")
        names = [only] if only else rng.sample(list(FAULTS), len(FAULTS))
        names.sort(key=lambda name: FAULTS[name].alone)  # those that may run together come together
        for position, name in enumerate(names):
            if (cycle * len(names) + position) % _COMBINED == _COMBINED - 1:
                others = [other for other in FAULTS if other != name and FAULTS[other].alone == FAULTS[name].alone]
                yield f"{name}+{rng.choice(others)}:{next(number)}"
            else:
                yield f"{name}:{next(number)}"


class Suite:
    def __init__(self, stack: Stack, clips: Clips) -> None:
        self._stack, self._clips = stack, clips
        self._undisturbed = Undisturbed(stack, clips)

    def play(self, plans: Iterable[RunPlan], seconds: float | None = None) -> Iterator[Outcome]:
        """Outcomes as they come; no run begins later than `seconds` from now."""
        ending = time.monotonic() + seconds if seconds is not None else None
        for batch in _rounds(plans):
            if ending is not None and time.monotonic() > ending:
                return
            yield from self._round(batch)

    def _round(self, plans: list[RunPlan]) -> list[Outcome]:
        for plan in plans:
            self._undisturbed.of(plan.variant)
        with ThreadPoolExecutor(len(plans)) as pool:
            outcomes = list(pool.map(lambda plan: perform(self._stack, self._clips, self._undisturbed, plan), plans))
        if problems := checker.check_queues(self._stack):
            checker.clear_queues(self._stack)  # the next round's messages are its own
            for outcome in outcomes:
                outcome.add(problems)
        return outcomes


def _rounds(plans: Iterable[RunPlan]) -> Iterator[list[RunPlan]]:
    """Up to AT_ONCE plans that may run together."""
    together: list[RunPlan] = []
    for plan in plans:
        if together and (plan.alone or len(together) == AT_ONCE):
            yield together
            together = []
        if plan.alone:
            yield [plan]
        else:
            together.append(plan)
    if together:
        yield together
