"""Route templates against paths."""

import pytest

from local.functions_host.errors import AppLoadError
from local.functions_host.routes import Route


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("api/jobs", "/api/jobs", {}),
        ("api/jobs", "/API/Jobs/", {}),
        ("api/jobs", "/api/jobs/1", None),
        ("api/jobs/{id}", "/api/jobs/a%2Fb%20c", {"id": "a/b c"}),
        ("api/jobs/{id}", "/api/jobs", None),
        ("api/jobs/{id?}", "/api/jobs", {}),
        ("api/jobs/{id=all}", "/api/jobs", {"id": "all"}),
        ("api/{id:int}", "/api/-12", {"id": "-12"}),
        ("api/{id:int}", "/api/99999999999", None),
        ("api/{id:long}", "/api/99999999999", {"id": "99999999999"}),
        ("api/{id:int:min(3)}", "/api/2", None),
        ("api/{id:range(1,5)}", "/api/5", {"id": "5"}),
        ("api/{id:range(1,5)}", "/api/6", None),
        ("api/{name:alpha}", "/api/abc1", None),
        ("api/{name:length(2,3)}", "/api/abcd", None),
        ("api/{name:maxlength(3)}", "/api/abc", {"name": "abc"}),
        ("api/{id:guid}", "/api/0f8fad5b-d9cb-469f-a165-70867728950e", {"id": "0f8fad5b-d9cb-469f-a165-70867728950e"}),
        ("api/{id:guid}", "/api/nonsense", None),
        ("api/{flag:bool}", "/api/True", {"flag": "True"}),
        ("api/{when:datetime}", "/api/2025-01-31", {"when": "2025-01-31"}),
        ("api/{code:regex(^x\\d+$)}", "/api/x12", {"code": "x12"}),
        ("api/{code:regex(^x\\d+$)}", "/api/y12", None),
        ("api/{name}.{ext}", "/api/a.mp4", {"name": "a", "ext": "mp4"}),
        ("api/files/{*path}", "/api/files/a/b/c.txt", {"path": "a/b/c.txt"}),
        ("api/files/{*path}", "/api/files", {}),
        ("", "/", {}),
    ],
)
def test_a_template_matches_or_not(template: str, path: str, expected: dict[str, str] | None) -> None:
    assert Route(template).match(path) == expected


def test_the_more_specific_route_comes_first() -> None:
    templates = ["api/{*rest}", "api/{id}", "api/{id:int}", "api/fixed", "api/fixed/{id}"]
    ordered = [one.template for one in sorted(map(Route, templates), key=lambda one: one.order)]
    assert ordered.index("api/fixed") < ordered.index("api/{id:int}") < ordered.index("api/{id}")
    assert ordered[-1] == "api/{*rest}"


@pytest.mark.parametrize("template", ["api/{id:number}", "api/{id:min(x)}", "api/{id", "api/{code:regex(()}"])
def test_a_template_that_cannot_be_read_is_refused_by_name(template: str) -> None:
    with pytest.raises(AppLoadError, match="api/"):
        Route(template)
