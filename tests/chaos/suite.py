"""Many runs on one stack, several at once where their faults allow it, and what is checked when none is under way."""

import itertools
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.chaos import checker
from tests.chaos.faults.catalogue import FAULTS
from tests.chaos.jobs import Clips
from tests.chaos.run import Outcome, RunPlan, perform
from tests.chaos.stack import Stack
from tests.chaos.undisturbed import Undisturbed

AT_ONCE = 3  # jobs on a stack of two nodes
_COMBINED = 5  # every fifth run has a second fault


def seeds(seed: int, only: Sequence[str] = ()) -> Iterator[str]:
    """Seeds of runs without end: every fault (of `only`) once, in an order of its own, then again."""
    number = itertools.count(seed * 10_000)
    for cycle in itertools.count():
        rng = random.Random(f"{seed}/{cycle}")
        faults = list(only or FAULTS)
        names = rng.sample(faults, len(faults))
        names.sort(key=lambda name: FAULTS[name].alone)  # those that may run together come together
        for position, name in enumerate(names):
            others = _partners(name) if (cycle * len(names) + position) % _COMBINED == _COMBINED - 1 else []
            both = [name, rng.choice(others)] if others else [name]
            yield f"{'+'.join(both)}:{next(number)}"


def _partners(name: str) -> list[str]:
    """Faults that may strike the same job."""
    first = FAULTS[name]
    if not first.combines:
        return []
    return [one.name for one in FAULTS.values() if one.combines and one.alone == first.alone and one is not first]


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
