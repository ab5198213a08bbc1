"""The styles as they are listed, with what is fitted to them, and what a request may ask of them."""

from typing import Any

import pytest

from activities import model_choice
from activities.verify_fit import verify_fit
from contracts.fit import ModelChoice
from contracts.job import JobRequest
from tests.activities.fits import check_of, fit_start, leave_weights, upload_style, weights_for
from tests.pictures import picture
from triggers import starting, styles
from triggers.bad_request import BadRequest
from triggers.starting import resolve
from triggers.uploads import request_of_upload

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("accounts")]


def entries() -> dict[str, dict[str, Any]]:
    return {style.name: styles.style_entry(style, models) for style, models in styles.fitted_styles()}


def fitted(style: tuple[str, str]) -> ModelChoice:
    start = fit_start(style)
    choice = model_choice.choose(start)
    assert verify_fit(check_of(start, leave_weights(choice, weights_for(choice)))).problem is None
    return choice


def test_each_style_is_listed_with_the_networks_fitted_to_its_picture_as_it_is_now() -> None:
    waves, again = upload_style(b"waves", "waves.png"), upload_style(b"waves", "again.png")
    upload_style(b"stars", "stars.png")
    choice = fitted(waves)
    model_choice.choose(fit_start(again))  # a job has used it: so it is known what it shows
    found = entries()
    assert [model["key"] for model in found["waves"]["models"]] == [choice.key]
    assert [model["key"] for model in found["again"]["models"]] == [choice.key]
    assert found["stars"] == {
        "name": "stars",
        "title": "stars",
        "kind": "uploaded",
        "blob": "stars.png",
        "models": [],
    }
    assert (found["starry-night"]["kind"], found["starry-night"]["models"]) == ("builtin", [])

    upload_style(b"another picture", "waves.png")
    assert entries()["waves"]["models"] == []


@pytest.mark.parametrize(
    ("request_", "field", "value"),
    [
        ({"video": "a.mp4", "style": "starry-night", "options": {"style_scale": 2}}, "options.style_scale", 2.0),
        ({"video": "a.mp4", "model": "0" * 64, "options": {"style_scale": 0.5}}, "options.style_scale", 0.5),
        ({"video": "a.mp4", "scorer": "identity", "options": {"style_scale": 0.5}}, "options.style_scale", 0.5),
        ({"style": "starry-night", "fit_only": True}, "style", "starry-night"),
    ],
)
def test_a_fit_of_what_is_fitted_is_refused(request_: dict[str, Any], field: str, value: object) -> None:
    with pytest.raises(BadRequest) as refused:
        resolve(JobRequest.model_validate(request_))
    [error] = refused.value.errors
    assert (error["field"], error["value"]) == (field, value)
    assert error["problem"]


def test_a_picture_of_ones_own_may_have_the_name_of_a_style_that_ships_and_any_scale() -> None:
    upload_style(picture("PNG"), "starry-night.png")
    request = JobRequest.model_validate(
        {"style": "starry-night", "fit_only": True, "options": {"style_scale": 2, "max_dimension": 720}}
    )
    pinned = resolve(request)
    assert (pinned.style_blob, pinned.video_etag, pinned.video_bytes) == ("starry-night.png", None, 0)


def test_a_fit_by_other_settings_is_another_job_where_the_fit_is_all(monkeypatch: pytest.MonkeyPatch) -> None:
    upload_style(picture("PNG"), "mine.png")
    request = JobRequest(style="mine", fit_only=True)
    before = resolve(request).job
    assert resolve(request).job == before
    changed = starting.settings().__class__(batch_endpoint="http://x", fit_steps=7)
    monkeypatch.setattr(starting, "settings", lambda: changed)
    assert resolve(request).job != before


@pytest.mark.parametrize("asked", ["true", "1", '"yes"'])
def test_an_upload_never_asks_for_a_fit_alone(asked: str) -> None:
    with pytest.raises(BadRequest, match="is scored; to fit a style alone"):
        request_of_upload("mine/a.mp4", {"atelier_options": f'{{"style": "mine", "fit_only": {asked}}}'})
