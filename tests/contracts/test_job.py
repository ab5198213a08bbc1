import pytest
from pydantic import ValidationError

from contracts.job import JobRequest, field_errors


def request(**changes: object) -> JobRequest:
    return JobRequest.model_validate({"video": "starry-night/My Clip.mp4", "style": "starry-night"} | changes)


def problems(**changes: object) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        request(**changes)
    return {entry["field"]: entry["problem"] for entry in field_errors(caught.value)}


def test_equal_work_has_equal_ids_and_any_difference_another() -> None:
    first = request().job_id('"0x8D"', "sha")
    assert first == request().job_id("0x8D", "sha")  # doors quote etags differently
    others = {
        request().job_id("0x8E", "sha"),
        request().job_id("0x8D", "other"),
        request(options={"strength": 0.5}).job_id("0x8D", "sha"),
        request(style="great-wave").job_id("0x8D", "sha"),
        request(video="starry-night/my clip.mp4").job_id("0x8D", "sha"),
    }
    assert len(others) == 5
    assert first not in others


@pytest.mark.parametrize(
    ("video", "start"),
    [("a/My Clip (1).final.mp4", "my-clip-1-final-"), ("a/ÜÑ.mp4", "video-"), ("x" * 200 + ".mp4", "x" * 24 + "-")],
)
def test_an_id_is_readable_and_fit_for_batch(video: str, start: str) -> None:
    job = request(video=video).job_id("e", None)
    assert job.startswith(start)
    assert len(job) <= 41
    assert set(job) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(
    "video", ["", "a//b.mp4", "../b.mp4", "a/./b.mp4", "/a.mp4", "a\nb.mp4", "a\x9bb.mp4", "a\u2028b.mp4", "x" * 1025]
)
def test_a_blob_name_that_could_lead_elsewhere_is_refused(video: str) -> None:
    assert set(problems(video=video)) == {"video"}


@pytest.mark.parametrize("style", ["", "../x", "A", "a b", "-a", "a" * 64])
def test_a_style_name_is_lower_case_letters_digits_and_dashes(style: str) -> None:
    assert set(problems(style=style)) == {"style"}


def test_an_unknown_key_is_named() -> None:
    assert "options.chunksize" in problems(options={"chunksize": 3})


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"chunk_size": 0}, "options.chunk_size"),
        ({"strength": 1.5}, "options.strength"),
        ({"strength": float("nan")}, "options.strength"),
        ({"max_dimension": 8}, "options.max_dimension"),
        ({"max_cost": 0}, "options.max_cost"),
        ({"on_bad_frame": "skip"}, "options.on_bad_frame"),
        ({"max_bad_frames": -1}, "options.max_bad_frames"),
        ({"max_bad_run": "x"}, "options.max_bad_run"),
    ],
)
def test_an_option_out_of_range_is_named(options: dict[str, object], field: str) -> None:
    assert set(problems(options=options)) == {field}


def test_style_transfer_takes_a_style_or_a_model_and_identity_neither() -> None:
    assert "style or a model" in problems(style=None)["style"]
    assert "style or a model" in problems(model="0" * 64)["style"]
    assert "takes none" in problems(scorer="identity")["style"]
    assert request(style=None, scorer="identity").style is None
    assert request(style=None, model="0" * 64).model == "0" * 64


def test_a_range_and_the_result_it_is_set_into_go_together() -> None:
    assert request(frames=[10, 20], base="clip-0123456789abcdef").frames == (10, 20)
    assert "needs a base" in problems(frames=[10, 20])["frames"]
    assert "a base a range" in problems(base="clip-0123456789abcdef")["frames"]
    assert "20..10 is no run" in problems(frames=[20, 10], base="clip-0123456789abcdef")["frames"]
