"""What an upload asks for, from its name and metadata alone."""

import json

import pytest

from contracts.job import OPTIONS_METADATA_KEY


@pytest.fixture(autouse=True, scope="module")
def settings() -> None:
    """The doors read their settings when they are imported, as in Azure."""
    import os

    os.environ.setdefault("BATCH_ENDPOINT", "http://127.0.0.1:1")


def request_of(name: str, said: object = None) -> dict[str, object]:
    from triggers.uploads import request_of_upload

    metadata = {} if said is None else {OPTIONS_METADATA_KEY: said if isinstance(said, str) else json.dumps(said)}
    return request_of_upload(name, metadata).model_dump(exclude_defaults=True)


def problems(name: str, said: object = None) -> dict[str, object]:
    from triggers.bad_request import BadRequest

    with pytest.raises(BadRequest) as caught:
        request_of(name, said)
    return {str(error["field"]): error["problem"] for error in caught.value.errors}


def test_the_folder_is_the_style() -> None:
    assert request_of("starry-night/a/b.mp4") == {"video": "starry-night/a/b.mp4", "style": "starry-night"}


def test_metadata_says_more_and_wins_over_the_folder() -> None:
    said = {"style": "great-wave", "options": {"strength": 0.5}}
    assert request_of("starry-night/b.mp4", said) == {"video": "starry-night/b.mp4", **said}


def test_metadata_may_choose_a_scorer_without_a_style() -> None:
    assert request_of("x/b.mp4", {"scorer": "identity"}) == {"video": "x/b.mp4", "scorer": "identity"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ("{not json", OPTIONS_METADATA_KEY),
        ("[1]", OPTIONS_METADATA_KEY),
        ("3", OPTIONS_METADATA_KEY),
        ({"options": {"strength": 3}}, "options.strength"),
        ({"style": "a", "extra": 1}, "extra"),
    ],
)
def test_metadata_that_makes_no_request_is_named(said: object, field: str) -> None:
    assert field in problems("starry-night/b.mp4", said)


def test_a_folder_that_cannot_be_a_style_is_named() -> None:
    assert "style" in problems("My Folder/b.mp4")
