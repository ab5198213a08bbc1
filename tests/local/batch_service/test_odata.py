import pytest

from local.batch_service.errors import BadRequest
from local.batch_service.odata import compile_filter, select

TASK = {
    "id": "Chunk-7",
    "state": "completed",
    "priority": 5,
    "flag": True,
    "creationTime": "2026-11-22T10:00:00.500000Z",
    "executionInfo": {"exitCode": 3, "result": "failure", "failureInfo": {"code": "FailureExitCode"}},
    "displayName": "it's",
}


@pytest.mark.parametrize(
    "text",
    [
        "state eq 'completed'",
        "state eq 'COMPLETED'",
        "id eq 'chunk-7' and priority ge 5",
        "state eq 'active' or executionInfo/result eq 'failure'",
        "not (state eq 'active')",
        "state eq 'completed' and (priority lt 5 or priority gt 4)",
        "startswith(id, 'chunk')",
        "endswith(id,'7') and contains(id, 'unk')",
        "executionInfo/failureInfo/code ne 'Other'",
        "executionInfo/exitCode eq 3",
        "flag eq true",
        "executionInfo/nothing/at/all eq null",
        "displayName eq 'it''s'",
        "creationTime gt DateTime'2026-11-22T10:00:00Z'",
        "creationTime lt datetime'2026-11-22T10:00:01Z'",
    ],
)
def test_filters_that_match(text: str) -> None:
    assert compile_filter(text)(TASK)


@pytest.mark.parametrize(
    "text",
    [
        "state eq 'active'",
        "state ne 'completed'",
        "id eq 'chunk-7' and priority gt 5",
        "not state eq 'completed'",
        "state eq 'active' and state eq 'completed' or flag eq false",
        "creationTime gt DateTime'2027-01-01T00:00:00Z'",
        "missing gt 3",
        "priority lt 'text'",
        "startswith(missing, 'x')",
    ],
)
def test_filters_that_do_not(text: str) -> None:
    assert not compile_filter(text)(TASK)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("state equals 'x'", "unknown operator 'equals'"),
        ("state eq", "expected a value, found 'the end'"),
        ("state eq 'x' and", "expected a property, found 'the end'"),
        ("(state eq 'x'", r"expected '\)', found 'the end'"),
        ("state eq 'x' priority", "unexpected 'priority'"),
        ("state eq other", "expected a value, found 'other'"),
        ("state eq #", "unexpected '#'"),
        ("'x' eq state", "expected a property"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        compile_filter(text)


def test_select_takes_top_level_properties() -> None:
    assert select(TASK, "id, executionInfo/exitCode") == {"id": "Chunk-7", "executionInfo": TASK["executionInfo"]}
    assert select(TASK, None) is TASK
