"""Which figures a plan reckons with: measured ones before scaled ones before the settings'. Real storage."""

import uuid
from collections.abc import Iterator

import pytest

from activities.expected_speed import Speed, expected_speed
from activities.measured_speed import known_variants, remember
from contracts.compiling import COMPILING
from contracts.measured import MeasuredSpeed, Variant, Workload
from contracts.settings import Settings
from tests.azurite import Azurite
from tests.job_services import accounts_only

pytestmark = pytest.mark.timeout(60)

KNOWN = Settings(start_up_seconds=7.0, seconds_per_megapixel=2.0)
WANTED = Variant(width=500, height=400)
COMPILED = WANTED.model_copy(update={"compiled": True})
GAIN = COMPILING["style-transfer"].time_ratio


@pytest.fixture
def workload(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workload]:
    """One that nobody has measured."""
    with accounts_only(azurite, monkeypatch):
        yield Workload(pool=uuid.uuid4().hex, scorer="style-transfer", network="style", precision="auto")


def measured(workload: Workload, variant: Variant, per_frame: float, job: str = "clip-1", **more: float) -> None:
    remember(
        workload,
        MeasuredSpeed(
            job=job,
            run=1,
            variant=variant,
            seconds_per_frame=per_frame,
            start_up_seconds=more.get("start_up", 3.0),
            compile_seconds=more.get("compiling", 0.0),
            tasks=1,
            frames=1,
        ),
    )


def expected(workload: Workload, wanted: Variant = WANTED) -> Speed:
    return expected_speed(workload, wanted, known_variants(workload), KNOWN)


def test_the_settings_count_until_something_was_measured(workload: Workload) -> None:
    assert expected(workload) == Speed(7.0, pytest.approx(0.4), 0.0, "default")
    compiled = expected(workload, COMPILED)
    assert compiled == Speed(7.0, pytest.approx(0.4 * GAIN), COMPILING["style-transfer"].seconds, "default")


def test_measured_figures_of_the_same_variant_beat_everything(workload: Workload) -> None:
    measured(workload, WANTED.model_copy(update={"width": 502}), 9.0)
    measured(workload, COMPILED, 9.0)
    measured(workload, WANTED, 0.25, "clip-2")
    assert expected(workload) == Speed(3.0, 0.25, 0.0, "measured", ("clip-2",))


def test_the_median_of_the_newest_jobs_counts(workload: Workload) -> None:
    for number, per_frame in enumerate((0.2, 50.0, 0.3)):
        measured(workload, WANTED, per_frame, f"clip-{number}")
    found = expected(workload)
    assert found.seconds_per_frame == 0.3
    assert sorted(found.jobs) == ["clip-0", "clip-1", "clip-2"]


def test_the_nearest_other_size_is_scaled_by_megapixels(workload: Workload) -> None:
    measured(workload, Variant(width=1000, height=800), 1.0)
    measured(workload, Variant(width=50, height=40), 1.0)
    assert expected(workload) == Speed(3.0, pytest.approx(0.25), 0.0, "scaled", ("clip-1",))


def test_the_same_size_compiled_tells_of_it_uncompiled_and_the_other_way_round(workload: Workload) -> None:
    measured(workload, WANTED, 1.0)
    compiled = expected(workload, COMPILED)
    assert compiled == Speed(3.0, pytest.approx(GAIN), COMPILING["style-transfer"].seconds, "scaled", ("clip-1",))

    measured(workload, COMPILED, 0.5, start_up=45.0, compiling=20.0)
    again = expected(workload, COMPILED)
    assert (again.seconds_per_frame, again.compile_seconds, again.source) == (0.5, 20.0, "measured")


def test_start_up_that_may_hold_compiling_is_not_taken_for_that_of_an_uncompiled_network(workload: Workload) -> None:
    measured(workload, COMPILED, 0.5, start_up=45.0)
    found = expected(workload)
    assert (found.start_up_seconds, found.source) == (7.0, "scaled")
    assert found.seconds_per_frame == pytest.approx(0.5 / GAIN)


def test_another_pool_scorer_network_or_precision_tells_nothing(workload: Workload) -> None:
    measured(workload, WANTED, 9.0)
    for field in ("pool", "scorer", "network", "precision"):
        assert expected(workload.model_copy(update={field: f"another-{uuid.uuid4().hex}"})).source == "default"
