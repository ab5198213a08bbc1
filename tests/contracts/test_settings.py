from pathlib import Path

import pytest

from contracts.settings import Settings, SettingsError, table

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def test_defaults_serve_where_nothing_is_set() -> None:
    settings = Settings.from_environ({"BATCH_ENDPOINT": "https://account.region.batch.azure.com"})
    assert settings.batch_pool_id == "atelier"
    assert settings.workers == 1


def test_values_are_parsed_to_the_type_of_their_default() -> None:
    settings = Settings.from_environ({"BATCH_ENDPOINT": "x", "POOL_NODES": "3", "POOL_SLOTS_PER_NODE": "4"})
    assert settings.workers == 12


@pytest.mark.parametrize("value", ["many", "", "1.5", "-1"])
def test_a_value_that_does_not_parse_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match="POOL_NODES") as caught:
        Settings.from_environ({"BATCH_ENDPOINT": "x", "POOL_NODES": value})
    assert repr(value) in str(caught.value)


def test_a_missing_required_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="BATCH_ENDPOINT"):
        Settings.from_environ({})


@pytest.mark.parametrize(("name", "default", "help"), table())
def test_every_setting_is_documented(name: str, default: str, help: str) -> None:
    row = f"| `{name}` | {f'`{default}`' if default else ''} | {help} |"
    assert row in DOCUMENT.read_text(), f"docs/settings.md lacks the row {row}"


@pytest.mark.parametrize("value", ["0", "65"])
def test_a_task_has_at_least_one_worker_and_no_more_than_a_machine_can_have(value: str) -> None:
    with pytest.raises(SettingsError, match=f"WORKERS_PER_TASK is '{value}'; give 1 to 64"):
        Settings.from_environ({"BATCH_ENDPOINT": "b", "WORKERS_PER_TASK": value})


def test_a_spot_price_alone_is_told_at_once() -> None:
    with pytest.raises(SettingsError, match=r"SPOT_PRICE_PER_HOUR is 0.5 and NODE_PRICE_PER_HOUR 0; .*set both"):
        Settings.from_environ({"BATCH_ENDPOINT": "b", "SPOT_PRICE_PER_HOUR": "0.5"})


@pytest.mark.parametrize(("name", "value"), [("FIT_FEATURES", "vgg16"), ("FIT_MAX_SECONDS", "0")])
def test_a_fit_that_cannot_be_is_told_at_once(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name} is .*{value}"):
        Settings.from_environ({"BATCH_ENDPOINT": "https://b", name: value})
