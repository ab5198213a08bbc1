"""Which network a job needs, on real storage."""

from collections.abc import Iterator

import pytest

from activities import model_choice, storage
from activities.refusal import JobRefused
from activities.settings import settings
from contracts import layout
from contracts.fit import ModelChoice
from contracts.frame_times import FrameTimes
from contracts.job import StartInput
from contracts.video_index import VideoIndex
from tests.activities.fits import fit_start, leave_weights, new_fit, upload_style, weights_for
from tests.azurite import Azurite
from tests.job_services import accounts_only, write

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def accounts(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with accounts_only(azurite, monkeypatch, FIT_FEATURES="patches", FIT_STEPS="3"):
        yield


def set_to(monkeypatch: pytest.MonkeyPatch, **changed: str) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()


def test_one_picture_under_two_names_comes_to_one_network_and_another_picture_to_another() -> None:
    one, two, other = (fit_start(upload_style(content)) for content in (b"waves", b"waves", b"stars"))
    assert one.style_blob != two.style_blob
    keys = [model_choice.choose(start).key for start in (one, two, other)]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("setting", "options"),
    [
        ({"FIT_FEATURES": "vgg19"}, {}),
        ({"FIT_STEPS": "4"}, {}),
        ({}, {"style_scale": 2.0}),
        ({}, {"max_dimension": 1280}),
    ],
)
def test_whatever_changes_the_fit_changes_the_key(
    monkeypatch: pytest.MonkeyPatch, setting: dict[str, str], options: dict[str, float]
) -> None:
    style = upload_style(b"waves")
    before = model_choice.choose(fit_start(style)).key
    set_to(monkeypatch, **setting)
    assert model_choice.choose(fit_start(style, options=options)).key != before


def test_what_changes_only_the_job_does_not_change_the_key() -> None:
    style = upload_style(b"waves")
    keys = {model_choice.choose(fit_start(style, options={"strength": s, "style_scale": 1})).key for s in (0.5, 1)}
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("size", "limit", "expected"),
    [
        (None, None, 480),
        (None, 853, 480),
        (None, 1920, 1080),
        (None, 3840, 2160),
        ((640, 480), None, 480),
        ((1080, 1920), None, 1080),
        ((3840, 2160), 1280, 1080),
        ((8192, 4320), None, 2160),
    ],
)
def test_the_size_class_is_of_the_shorter_side_as_it_is_scored(
    size: tuple[int, int] | None, limit: int | None, expected: int
) -> None:
    options = {"max_dimension": limit} if limit else {}
    start = fit_start(upload_style(b"waves"), options=options, video="a.mp4" if size else None)
    if size:
        storage.system_account().write_json(layout.JOBS, layout.index_blob(start.job), index(*size))
    assert model_choice.size_class(start) == expected


def index(width: int, height: int) -> VideoIndex:
    return VideoIndex(
        container="mp4",
        codec="h264",
        stream_index=0,
        width=width,
        height=height,
        pix_fmt="yuv420p",
        time_base="1/30",  # pyright: ignore[reportArgumentType] (parsed)
        seek="ordinal",
        frames=FrameTimes.encode([0, 1]),
        last_duration=1,
    )


def test_a_picture_is_read_once_and_a_replaced_one_is_refused() -> None:
    blob, etag = upload_style(b"waves")
    first = model_choice.choose(fit_start((blob, etag)))
    upload_style(b"other", blob)
    assert model_choice.choose(fit_start((blob, etag))).style_sha256 == first.style_sha256  # known by its version
    unknown = upload_style(b"waves")
    upload_style(b"other", unknown[0])
    with pytest.raises(JobRefused, match="was deleted or replaced since the job began"):
        model_choice.choose(fit_start(unknown))


def test_a_picture_over_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    style = upload_style(bytes(100))
    set_to(monkeypatch, MAX_STYLE_BYTES="99")
    with pytest.raises(JobRefused, match="MAX_STYLE_BYTES"):
        model_choice.choose(fit_start(style))


def _with_weights(_: StartInput, choice: ModelChoice) -> None:
    leave_weights(choice, weights_for(choice))


def _with_scored_frames(start: StartInput, _: ModelChoice) -> None:
    write(layout.JOBS, layout.outcome_blob(start.job, 0))


@pytest.mark.parametrize("use", [_with_weights, _with_scored_frames])
def test_a_choice_that_was_used_stands_whatever_the_settings_become(
    monkeypatch: pytest.MonkeyPatch, use: object
) -> None:
    start, choice = new_fit()
    use(start, choice)  # type: ignore[operator]
    set_to(monkeypatch, FIT_STEPS="9")
    assert model_choice.choose(start) == choice


def test_a_choice_that_came_to_nothing_is_made_anew_in_the_next_run_and_only_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, choice = new_fit()
    set_to(monkeypatch, FIT_STEPS="9")
    assert model_choice.pinned(start) == choice
    assert model_choice.choose(start).steps == 9
    assert model_choice.pinned(start).steps == 9
