"""A few runs of the suite, one fault each, with fixed seeds. `make chaos` has all faults and takes ten minutes."""

import sys
from collections.abc import Iterator
from itertools import islice

import pytest

from tests.chaos import report
from tests.chaos.faults.catalogue import FAULTS
from tests.chaos.jobs import Clips, Variant
from tests.chaos.run import RunPlan
from tests.chaos.stack import Stack
from tests.chaos.suite import Suite, seeds

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="faults are injected through /proc, which only Linux has"),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]

ONE_VARIANT = (Variant(sound=True, chunk_size=16),)
TOGETHER = ("gpu-task-killed:1", "node-preempted:1", "task-lies:1", "disk-full:1", "blob-events-doubled:1")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    folder = tmp_path_factory.mktemp("chaos")
    with Stack(folder) as stack:
        yield Suite(stack, Clips(folder / "clips"))


@pytest.mark.parametrize(
    "run",
    [TOGETHER[:3], TOGETHER[3:], ("results-doubled:1",), ("batch-errors:1",), ("batch-service-killed:1",)],
    ids=lambda run: " ".join(run),
)
def test_a_job_ends_complete_or_with_the_reason_whatever_breaks(suite: Suite, run: tuple[str, ...]) -> None:
    outcomes = list(suite.play(RunPlan.of(seed, ONE_VARIANT) for seed in run))
    assert len(outcomes) == len(run)
    said = "\n".join(report.line(outcome) for outcome in outcomes)
    assert all(outcome.result != "VIOLATION" for outcome in outcomes), said


def test_a_seed_stands_for_one_run_and_every_fault_gets_its_turn() -> None:
    first = list(islice(seeds(3), 2 * len(FAULTS)))
    assert first == list(islice(seeds(3), 2 * len(FAULTS)))
    assert first != list(islice(seeds(4), 2 * len(FAULTS)))
    named = [seed.split(":")[0].split("+")[0] for seed in first]
    assert sorted(named) == sorted([*FAULTS, *FAULTS])
    assert [RunPlan.of(seed) for seed in first] == [RunPlan.of(seed) for seed in first]
