"""Blob trigger paths, as WebJobs captures them."""

import pytest

from local.functions_host.blob_path import BlobPath
from local.functions_host.errors import AppLoadError


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("videos/{name}", "a/b.mp4", {"name": "a/b.mp4"}),
        ("videos/{style}/{name}", "starry/a.mp4", {"style": "starry", "name": "a.mp4"}),
        ("videos/{style}/{name}", "starry/day/a.mp4", {"style": "starry/day", "name": "a.mp4"}),
        ("videos/{style}/{name}", "a.mp4", None),
        ("videos/{name}.{ext}", "a.b.mp4", {"name": "a.b", "ext": "mp4"}),
        ("videos/in/{name}", "out/a.mp4", None),
        ("videos/{{raw}}/{name}", "{raw}/a", {"name": "a"}),
        ("videos", "anything", {"name": "anything"}),
    ],
)
def test_a_path_captures_its_parameters(path: str, name: str, expected: dict[str, str] | None) -> None:
    assert BlobPath(path).match(name) == expected


@pytest.mark.parametrize("path", ["{container}/a", "", "videos/{a}/{a}"])
def test_a_path_that_cannot_be_watched_is_refused_by_name(path: str) -> None:
    with pytest.raises(AppLoadError, match="blob trigger path"):
        BlobPath(path)
