import pytest

from local.batch_service.timestamps import UNLIMITED, iso, new_etag, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT30M", 1800.0),
        ("PT0.5S", 0.5),
        ("P1DT2H3M4S", 93784.0),
        ("P7D", 604800.0),
        (UNLIMITED, None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "30", "PT-5S", "P1Y", "PT5X"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an ISO 8601 duration"):
        parse_duration(text)


def test_instants_are_utc_with_microseconds() -> None:
    assert iso(0.25) == "1970-01-01T00:00:00.250000Z"
    assert iso(None) is None


def test_entity_tags_are_all_different() -> None:
    assert len({new_etag() for _ in range(100)}) == 100
