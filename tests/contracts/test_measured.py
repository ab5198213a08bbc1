"""What a job measured of its speed: bounded, and told apart by what decides it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.measured import MeasuredSpeed, Variant, Workload

WORKLOAD = Workload(pool="atelier", scorer="style-transfer", network="style", precision="auto")
RECORD = {
    "job": "clip-1",
    "run": 1,
    "variant": {"width": 640, "height": 360},
    "start_up_seconds": 5.0,
    "seconds_per_frame": 0.1,
    "tasks": 3,
    "frames": 90,
}


@given(st.integers(1, 999_999), st.integers(1, 999_999), st.booleans(), st.integers(1, 99))
def test_a_variants_name_tells_all_of_it(width: int, height: int, compiled: bool, workers: int) -> None:
    variant = Variant(width=width, height=height, compiled=compiled, workers=workers)
    assert Variant.parse(variant.name) == variant


@pytest.mark.parametrize("name", ["", "640x360", "640x0-eager-w1", "640x360-eager-w0", "640x360-fast-w1", "x.json"])
def test_what_is_no_name_of_a_variant_is_none(name: str) -> None:
    assert Variant.parse(name) is None


@pytest.mark.parametrize("field", ["pool", "scorer", "network", "precision"])
def test_everything_that_decides_the_speed_is_in_a_workloads_key(field: str) -> None:
    assert WORKLOAD.model_copy(update={field: "another"}).key != WORKLOAD.key


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seconds_per_frame", 0.0),
        ("seconds_per_frame", 3601.0),
        ("seconds_per_frame", float("nan")),
        ("start_up_seconds", -1.0),
        ("start_up_seconds", 3601.0),
        ("compile_seconds", float("inf")),
        ("tasks", 0),
        ("device", "x" * 201),
    ],
)
def test_a_figure_that_cannot_be_is_no_record(field: str, value: object) -> None:
    MeasuredSpeed.model_validate(RECORD)
    with pytest.raises(ValidationError, match=field):
        MeasuredSpeed.model_validate(RECORD | {field: value})
