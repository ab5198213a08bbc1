"""`POST /api/quote`: what is answered, what is refused, and that nothing is started."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import azure.functions as func
import pytest

from activities import settings as app_settings
from activities.storage import Account
from contracts import layout
from contracts.quote import Quote
from tests.activities.fits import upload_style
from tests.pictures import picture
from tests.triggers.conftest import function
from triggers import http_api

pytestmark = pytest.mark.timeout(60)

FACTS = {"frames": 60, "width": 64, "height": 48, "seconds": 2.4, "bytes": 10_000}


@pytest.fixture(autouse=True)
def settings(accounts: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "NODE_PRICE_PER_HOUR": "2",
        "FIT_FEATURES": "patches",
        "FIT_MAX_SECONDS": "100",
        "FIT_STEPS": "4321",
    }.items():
        monkeypatch.setenv(name, value)
    app_settings.settings.cache_clear()
    yield
    app_settings.settings.cache_clear()


def post(body: Any) -> tuple[int, dict[str, Any]]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = func.HttpRequest("POST", "/api/quote", body=text)
    answer = function(http_api.quote_job)(asked)
    return answer.status_code, json.loads(answer.get_body())


def about(video: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
    return {"request": {"video": "not-there-yet.mp4"} | request, "video": FACTS | (video or {})}


def quoted(**body: Any) -> Quote:
    status, told = post(body)
    assert status == 200, told
    return Quote.model_validate(told)


def test_a_video_that_is_not_uploaded_is_quoted_and_nothing_is_written(accounts: Account) -> None:
    told = quoted(**about(style="mosaic", options={"chunk_size": 20}))
    assert (told.frames, told.chunks, told.seconds.fit, told.limits) == (60, 3, 0.0, ())
    assert told.price is not None
    assert told.price.high >= told.price.low > 0
    assert list(accounts.container(layout.JOBS).list_blob_names()) == []


def test_an_uploaded_painting_is_known_by_its_content_and_one_that_is_not_by_the_hash_that_is_given() -> None:
    content = picture("PNG")
    upload_style(content, "mine.png")
    uploaded = quoted(**about(style="mine"))
    assert uploaded.seconds.fit > 100
    given = quoted(**about(style="not-there-yet"), style_sha256=hashlib.sha256(content).hexdigest())
    assert given.seconds == uploaded.seconds


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        (b"", "request", "Invalid JSON"),
        (about(style="no-such-style"), "style", "no such style"),
        (about(style="mosaic", options={"style_scale": 2}), "options.style_scale", "only an uploaded style"),
        (about(model="ab" * 32), "model", "not in container 'models'"),
        (about(style="mosaic", colour="red"), "request.colour", "Extra inputs"),
        (about(style="mosaic", options={"strength": 2}), "request.options.strength", "less than or equal to 1"),
        (about({"frames": 0}, style="mosaic"), "video.frames", "greater than or equal to 1"),
        (about({"kind": "film"}, style="mosaic"), "video.kind", "Extra inputs"),
        (about(style="mosaic") | {"tip": 5}, "tip", "Extra inputs"),
        ({"request": {"video": "a.mp4", "style": "mosaic"}}, "video", "Field required"),
        (about(style="mosaic", frames=(50, 60), base="earlier"), "request", "not all in its 60 frames"),
        (about(style="mosaic", fit_only=True), "request", "a quote is of a video"),
        (about(scorer="identity") | {"style_sha256": "ab" * 32}, "request", "given without a style"),
    ],
)
def test_what_no_job_can_be_made_of_is_answered_with_the_field_and_the_problem(
    body: Any, field: str, problem: str
) -> None:
    status, told = post(body)
    assert status == 400
    [error] = told["errors"]
    assert error["field"] == field
    assert problem in error["problem"]


def test_a_limit_that_the_job_would_break_is_told_with_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_FRAMES", "10")
    app_settings.settings.cache_clear()
    [broken] = quoted(**about(style="mosaic")).limits
    assert (broken.limit, "MAX_FRAMES" in broken.problem) == ("10 frames", True)
