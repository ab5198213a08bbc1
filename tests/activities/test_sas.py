"""When a user-delegation key is asked for, and that no SAS outlives it. What storage makes of them: tests/identity."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from activities import sas
from contracts.settings import Settings, SettingsError

HOUR = timedelta(hours=1)


class Keys:
    """Stands for storage, which lends keys; remembers from when and until when."""

    def __init__(self) -> None:
        self.lent: list[tuple[datetime, datetime]] = []

    def __call__(self, start: datetime, until: datetime) -> str:
        time.sleep(0.01)  # as a request takes: others come meanwhile
        self.lent.append((start, until))
        return f"key {len(self.lent)}"


def test_a_key_serves_until_a_sas_would_outlive_it() -> None:
    keys, now = Keys(), datetime.now(UTC)
    sign = sas.DelegationSigner("account", keys)
    used = [sign(now + hours * HOUR)["user_delegation_key"] for hours in (24, 25, 47, 49, 24)]
    assert used == ["key 1", "key 1", "key 1", "key 2", "key 2"]
    assert all(until >= now + hours * HOUR for hours, (_, until) in zip((47, 49), keys.lent, strict=True))


def test_a_key_is_valid_where_clocks_are_behind_and_lives_no_longer_than_azure_lends_one() -> None:
    keys, now = Keys(), datetime.now(UTC)
    sas.DelegationSigner("account", keys)(now + 167 * HOUR)
    [(start, until)] = keys.lent
    assert now - start > timedelta(minutes=14)
    assert now + 167 * HOUR <= until <= start + timedelta(days=7)


def test_a_sas_that_no_key_lives_long_enough_for_is_refused() -> None:
    with pytest.raises(ValueError, match="would outlive its key"):
        sas.DelegationSigner("account", Keys())(datetime.now(UTC) + 169 * HOUR)


def test_threads_that_sign_at_once_ask_for_one_key() -> None:
    keys, expiry = Keys(), datetime.now(UTC) + HOUR
    sign = sas.DelegationSigner("account", keys)
    together = threading.Barrier(8)

    def one(_: int) -> str:
        together.wait(10)
        return sign(expiry)["user_delegation_key"]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(8))) == {"key 1"}
    assert len(keys.lent) == 1


@pytest.mark.parametrize("hours", ["168", "0", "nan"])
def test_hours_that_no_sas_can_have_are_refused_at_start(hours: str) -> None:
    with pytest.raises(SettingsError, match=f"SAS_HOURS is '{hours}'; give 0.25 to 167"):
        Settings.from_environ({"BATCH_ENDPOINT": "https://b", "SAS_HOURS": hours})
