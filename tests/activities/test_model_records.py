"""Fitted weights are looked at before they are used, and recorded by whoever finds them, on real storage."""

import pytest

from activities import model_records, models
from activities.find_model import find_model
from activities.verify_fit import verify_fit
from contracts.fit import RECIPES, ModelChoice
from contracts.job import StartInput
from contracts.steps import RunRef
from tests.activities.fits import check_of, leave_weights, new_fit, safetensors, weights_for

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("fit_accounts")]


@pytest.fixture
def fit() -> tuple[StartInput, ModelChoice]:
    return new_fit()


def test_right_weights_are_recorded_with_all_that_is_known_of_them(fit: tuple[StartInput, ModelChoice]) -> None:
    start, choice = fit
    sha256 = leave_weights(choice, weights_for(choice))
    assert verify_fit(check_of(start, sha256)).problem is None
    record = model_records.find_record(choice.key)
    assert record is not None
    assert record.model_dump(include={"key", "sha256", "style_blob", "style_sha256", "recipe", "features", "job"}) == {
        "key": choice.key,
        "sha256": sha256,
        "style_blob": start.style_blob,
        "style_sha256": choice.style_sha256,
        "recipe": RECIPES["patches"],
        "features": "patches",
        "job": start.job,
    }
    assert (record.seconds, record.device, record.size_class, record.style_scale) == (12.5, "NVIDIA T4", 480, 1.0)
    assert record.fitted is not None
    assert (record.fitted.step, record.fitted.style, record.fitted.job) == (3, 0.5, None)
    assert find_model(RunRef.of(start)).needed == "ready"


def test_a_task_that_wrote_no_weights_is_found_out(fit: tuple[StartInput, ModelChoice]) -> None:
    assert "do not exist" in (verify_fit(check_of(fit[0], "0" * 64)).problem or "")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"", "no safetensors file"),
        (b"not weights at all", "no safetensors file"),
        ((2**63).to_bytes(8, "little") + b"{}", "no safetensors file"),
        ((9).to_bytes(8, "little") + b'{"a":[1]}', "header cannot be read"),
        ((9).to_bytes(8, "little") + b"[[[[[[[[[", "header cannot be read"),
        ((2).to_bytes(8, "little") + b"{}", "do not fill it"),
        (safetensors({}) + b"more", "do not fill it"),
        (safetensors({})[:-1], "do not fill it"),
        (safetensors({}), f"says recipe None, not '{RECIPES['patches']}'"),
    ],
)
def test_what_is_no_network_of_this_fit_is_found_out_and_removed_so_that_it_can_be_fitted_again(
    fit: tuple[StartInput, ModelChoice], wrong: bytes, said: str
) -> None:
    start, choice = fit
    sha256 = leave_weights(choice, wrong)
    assert said in (verify_fit(check_of(start, sha256)).problem or "")
    assert models.find_weights(choice.key) is None
    assert model_records.find_record(choice.key) is None


def test_weights_of_another_picture_are_found_out(fit: tuple[StartInput, ModelChoice]) -> None:
    start, choice = fit
    sha256 = leave_weights(choice, weights_for(choice, style_sha256="f" * 64))
    assert "says style_sha256 'ffff" in (verify_fit(check_of(start, sha256)).problem or "")


@pytest.mark.parametrize("who", ["metadata", "result"])
def test_weights_of_another_hash_are_found_out(fit: tuple[StartInput, ModelChoice], who: str) -> None:
    start, choice = fit
    sha256 = leave_weights(choice, weights_for(choice), "a" * 64 if who == "metadata" else None)
    problem = verify_fit(check_of(start, "b" * 64 if who == "result" else sha256)).problem
    assert f"{'a' * 64!r}" in (problem or "") if who == "metadata" else f"its task said {'b' * 64}" in (problem or "")


def test_too_many_bytes_are_not_even_read(fit: tuple[StartInput, ModelChoice], monkeypatch: pytest.MonkeyPatch) -> None:
    start, choice = fit
    monkeypatch.setattr(model_records, "MAX_WEIGHTS_BYTES", 99)
    sha256 = leave_weights(choice, weights_for(choice))
    assert "has at most 99" in (verify_fit(check_of(start, sha256)).problem or "")


def test_weights_whose_record_was_lost_are_recorded_by_whoever_finds_them_and_then_by_who_fitted_them(
    fit: tuple[StartInput, ModelChoice],
) -> None:
    start, choice = fit
    sha256 = leave_weights(choice, weights_for(choice))
    assert find_model(RunRef.of(start)).model_dump() == {"needed": "ready", "model": choice.key}
    found = model_records.find_record(choice.key)
    assert found is not None
    assert (found.sha256, found.fitted, found.seconds) == (sha256, None, 0.0)
    assert verify_fit(check_of(start, sha256)).problem is None
    record = model_records.find_record(choice.key)
    assert record is not None
    assert (record.seconds, record.fitted and record.fitted.step) == (12.5, 3)


def test_wrong_weights_that_somebody_left_are_fitted_again(fit: tuple[StartInput, ModelChoice]) -> None:
    start, choice = fit
    leave_weights(choice, b"wrong")
    assert find_model(RunRef.of(start)).needed == "fit"
    assert models.find_weights(choice.key) is None


def test_records_are_listed_newest_first_and_no_more_than_asked_for() -> None:
    keys: list[str] = []
    for _ in range(3):
        start, choice = new_fit()
        sha256 = leave_weights(choice, weights_for(choice))
        verify_fit(check_of(start, sha256))
        keys.append(choice.key)
    assert {record.key for record in model_records.newest_records()} >= set(keys)
    assert len(model_records.newest_records(2)) == 2
