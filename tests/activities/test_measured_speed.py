"""What a job's tasks tell of their speed, and the records of it in real storage."""

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities import measured_speed
from activities.measured_speed import REMEMBERED, measured_of, newest, remember, workload_of
from contracts import layout
from contracts.ledger import BadRun
from contracts.measured import MeasuredSpeed, Variant, Workload
from contracts.messages import MAX_NUMBER, StageSeconds
from contracts.steps import RunRef
from contracts.task_spec import Execution
from tests.activities.scored_chunks import JOB, outcome, outcomes, plan_of
from tests.azurite import Azurite
from tests.job_services import accounts_only, names, start_of, write

pytestmark = pytest.mark.timeout(60)

RUN, SECONDS = RunRef(job=JOB, run=1), 60.0


def record_of(number: int, seconds_per_frame: float = 0.5, **variant: object) -> MeasuredSpeed:
    return MeasuredSpeed(
        job=f"clip-{number}",
        run=1,
        variant=Variant.model_validate({"width": 640, "height": 360} | variant),
        start_up_seconds=2.0,
        seconds_per_frame=seconds_per_frame,
        tasks=1,
        frames=10,
    )


@pytest.fixture
def workload(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workload]:
    with accounts_only(azurite, monkeypatch):
        yield Workload(pool=uuid.uuid4().hex, scorer="identity", network="none", precision="auto")


def test_a_frame_costs_all_that_is_not_start_up() -> None:
    plan = plan_of(20)
    measured = measured_of(plan, outcomes(plan), RUN, SECONDS)
    assert measured is not None
    assert (measured.start_up_seconds, measured.seconds_per_frame) == (2.0, 0.5)
    assert (measured.tasks, measured.frames, measured.device) == (3, 60, "cpu")
    assert measured.variant.name == "64x48-eager-w1"


def test_a_frame_costs_a_worker_as_many_times_what_it_costs_a_task_as_it_has_workers() -> None:
    plan = plan_of(20, Execution(workers=4))
    measured = measured_of(plan, outcomes(plan), RUN, SECONDS)
    assert measured is not None
    assert (measured.seconds_per_frame, measured.variant.workers) == (2.0, 4)


def test_what_a_nodes_first_task_needed_beyond_the_later_ones_was_compiling() -> None:
    plan = plan_of(10, Execution(compiled=True), workers=2)
    starts = [42.0, 2.0, 2.5, 40.0, 1.5, 2.0]
    seconds = [StageSeconds(start=start, total=start + 5.0) for start in starts]
    tasks = [outcome(plan, chunk, seconds=told) for chunk, told in enumerate(seconds)]
    measured = measured_of(plan, tasks, RUN, SECONDS)
    assert measured is not None
    assert (measured.start_up_seconds, measured.compile_seconds) == (2.0, 39.0)


def test_where_all_tasks_ran_at_once_compiling_is_start_up() -> None:
    plan = plan_of(30, Execution(compiled=True), workers=2)
    measured = measured_of(plan, outcomes(plan), RUN, SECONDS)
    assert measured is not None
    assert (measured.start_up_seconds, measured.compile_seconds) == (2.0, 0.0)


@pytest.mark.parametrize(
    "odd",
    [
        {"seconds": StageSeconds()},  # its words were lost
        {"seconds": StageSeconds(total=0.1)},  # it found its output finished
        {"seconds": StageSeconds(start=9.0, total=8.0)},
        {"seconds": StageSeconds(start=2.0, total=SECONDS + 2)},  # longer than the workflow waited for it
        {"seconds": StageSeconds(start=2.0, total=MAX_NUMBER)},
        {"segment": layout.segment_blob(JOB, "c00000-a1", 2)},  # another run's
        {"segment": layout.segment_blob("clip-2", "c00000-a1", 1)},
        {"outcome": "reused"},
        {"piece": (0, 19)},
        {"replaced": (BadRun(first=3, last=3, outcome="held", reason="damaged"),)},
    ],
)
def test_a_task_that_tells_nothing_of_ordinary_work_is_left_out(odd: dict[str, object]) -> None:
    plan = plan_of(20)
    assert measured_of(plan, [outcome(plan, 0, **odd)], RUN, SECONDS) is None
    others = [outcome(plan, 1), outcome(plan, 2)]
    with_it, without = (
        measured_of(plan, tasks, RUN, SECONDS) for tasks in ([*others, outcome(plan, 0, **odd)], others)
    )
    assert with_it == without


@given(st.lists(st.tuples(st.floats(0, MAX_NUMBER), st.floats(0, MAX_NUMBER)), min_size=3, max_size=3))
def test_whatever_nodes_say_the_figures_stay_within_what_the_workflow_saw(said: list[tuple[float, float]]) -> None:
    plan = plan_of(20, Execution(compiled=True))
    told = [StageSeconds(start=start, total=total) for start, total in said]
    tasks = [outcome(plan, chunk, seconds=seconds) for chunk, seconds in enumerate(told)]
    measured = measured_of(plan, tasks, RUN, SECONDS)
    if measured is not None:
        figures = (measured.start_up_seconds, measured.seconds_per_frame * 20, measured.compile_seconds)
        assert max(figures) <= SECONDS + measured_speed.SLACK_SECONDS + 1e-3


def test_one_liar_among_honest_nodes_moves_nothing() -> None:
    plan = plan_of(20)
    lie = StageSeconds(queue=0, start=0.001, total=SECONDS)
    tasks = [outcome(plan, 0, seconds=lie, device="x" * 9_999), outcome(plan, 1), outcome(plan, 2)]
    measured = measured_of(plan, tasks, RUN, SECONDS)
    assert measured is not None
    assert (measured.start_up_seconds, measured.seconds_per_frame, measured.device) == (2.0, 0.5, "cpu")


def test_only_the_newest_records_of_a_variant_are_kept(workload: Workload) -> None:
    other = record_of(99, width=320, height=180)
    remember(workload, other)
    for number in range(REMEMBERED + 3):
        remember(workload, record_of(number))
    kept = newest(workload, record_of(0).variant)
    assert len(kept) == REMEMBERED == len(names(layout.JOBS, layout.measured_prefix(workload.key, "640x360-eager-w1")))
    assert kept[0].job == f"clip-{REMEMBERED + 2}"
    assert newest(workload, other.variant) == [other]


def test_publishing_twice_leaves_one_record(workload: Workload) -> None:
    remember(workload, record_of(1, 0.5))
    remember(workload, record_of(1, 0.7))
    assert [record.seconds_per_frame for record in newest(workload, record_of(1).variant)] == [0.7]


def test_a_record_of_another_version_and_a_strange_name_are_passed_over(workload: Workload) -> None:
    variant = record_of(1).variant
    remember(workload, record_of(1))
    write(layout.JOBS, layout.measured_blob(workload.key, variant.name, "clip-2", 1), f"measured/{workload.key}/odd/x")
    assert [record.job for record in newest(workload, variant)] == ["clip-1"]
    assert measured_speed.known_variants(workload) == [variant]


def test_every_style_is_one_network_and_a_users_model_is_its_own() -> None:
    plain = start_of("clip-1")
    styles = [
        plain.model_copy(
            update={"request": plain.request.model_copy(update={"scorer": "style-transfer", **chosen})},
        )
        for chosen in ({"style": "mosaic"}, {"style": "my-cat"}, {"model": "a" * 64}, {"model": "b" * 64})
    ]
    keys = [workload_of(start.request, "atelier", "auto").key for start in (plain, *styles)]
    assert keys[1] == keys[2]
    assert len(set(keys)) == 4
