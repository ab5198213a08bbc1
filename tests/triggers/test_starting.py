"""What is refused before a job exists, on a real Azurite: each says the value, the limit and the remedy."""

import dataclasses
from collections.abc import Callable

import pytest

from activities import settings as app_settings
from activities.storage import Account, data_account
from contracts import layout
from contracts.job import JobRequest
from tests.pictures import bomb, picture
from triggers import starting, styles
from triggers.bad_request import BadRequest
from triggers.starting import resolve

type Limit = Callable[..., None]


@pytest.fixture
def limit(accounts: Account, monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Sets limits for both modules that check them."""

    def to(**limits: int) -> None:
        known = dataclasses.replace(app_settings.settings(), **limits)
        for module in (starting, styles):
            monkeypatch.setattr(module, "settings", lambda: known)

    return to


def put(container: str, name: str, data: bytes) -> None:
    data_account().container(container).upload_blob(name, data, overwrite=True)


def refused(**request: object) -> dict[str, object]:
    with pytest.raises(BadRequest) as caught:
        resolve(JobRequest.model_validate(request))
    [error] = caught.value.errors
    return error


def test_a_video_over_the_limit_is_refused_with_the_remedy(limit: Limit) -> None:
    limit(max_upload_bytes=99)
    put(layout.VIDEOS, "a.mp4", bytes(100))
    error = refused(video="a.mp4", scorer="identity")
    assert (error["field"], error["value"], error["limit"]) == ("video", "100 bytes", "99 bytes")
    assert "(MAX_UPLOAD_BYTES); cut it" in str(error["problem"])
    limit(max_upload_bytes=100)
    assert resolve(JobRequest(video="a.mp4", scorer="identity")).video_bytes == 100


def test_an_empty_video_is_refused(accounts: Account) -> None:
    put(layout.VIDEOS, "a.mp4", b"")
    assert "empty" in str(refused(video="a.mp4", scorer="identity")["problem"])


def test_a_style_over_the_limit_of_bytes_is_refused_unread(limit: Limit) -> None:
    limit(max_style_bytes=1_000)
    put(layout.STYLES, "big.png", bytes(1_001))
    put(layout.VIDEOS, "a.mp4", b"x")
    error = refused(video="a.mp4", style="big")
    assert (error["field"], error["value"], error["limit"]) == ("style", "1,001 bytes", "1,000 bytes")


def test_a_decompression_bomb_is_refused_by_what_it_claims(accounts: Account) -> None:
    put(layout.STYLES, "bomb.png", bomb(30_000, 30_000))
    put(layout.VIDEOS, "a.mp4", b"x")
    error = refused(video="a.mp4", style="bomb")
    assert (error["field"], error["value"], error["limit"]) == ("style", "30000x30000", "100,000,000 pixels")
    assert "(MAX_STYLE_PIXELS); upload a smaller copy" in str(error["problem"])


@pytest.mark.parametrize(
    ("data", "problem"), [(b"<html>", "not an image; give JPEG"), (picture("PNG", 40, 40), "too small")]
)
def test_a_style_that_is_no_picture_to_paint_like_is_refused(accounts: Account, data: bytes, problem: str) -> None:
    put(layout.STYLES, "odd.jpg", data)
    put(layout.VIDEOS, "a.mp4", b"x")
    error = refused(video="a.mp4", style="odd")
    assert error["value"] == "odd.jpg"
    assert problem in str(error["problem"])


def test_an_uploaded_style_is_pinned_by_its_etag(accounts: Account) -> None:
    put(layout.STYLES, "wave.jpg", picture("JPEG"))
    put(layout.VIDEOS, "a.mp4", b"x")
    first = resolve(JobRequest(video="a.mp4", style="wave"))
    put(layout.STYLES, "wave.jpg", picture("JPEG", seed=2))
    second = resolve(JobRequest(video="a.mp4", style="wave"))
    assert (first.style_blob, first.job == second.job) == ("wave.jpg", False)


@pytest.mark.parametrize(
    "name",
    [
        "a%2Fb.mp4",
        "a%252F..%2Fb.mp4",
        "東京/🎬.mp4",
        "a b+c&d=e?f#g.mp4",
        "e\u0301/é.mp4",
        "a\\b.mp4",
        "x" * 1020 + ".mp4",
    ],
)
def test_odd_names_name_just_their_blob(accounts: Account, name: str) -> None:
    put(layout.VIDEOS, name, b"12345")
    assert resolve(JobRequest(video=name, scorer="identity")).video_bytes == 5


@pytest.mark.parametrize("name", ["a%2Fb.mp4", "..%2Fjobs", "\u202e4pm.exe", "a\ufffe.mp4"])
def test_odd_names_without_a_blob_are_told_so(accounts: Account, name: str) -> None:
    put(layout.VIDEOS, "a/b.mp4", b"12345")
    assert "upload" in str(refused(video=name, scorer="identity")["problem"])
