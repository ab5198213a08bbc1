import pytest
from pydantic import ValidationError

from contracts.messages import GpuResult, GpuTask

TASK = {"job": "clip-1", "task": "c00001-a1", "chunk": 1, "attempt": 1, "instance_id": "clip-1:r1:c00001"}


def test_a_message_survives_its_own_json() -> None:
    task = GpuTask.model_validate(TASK)
    assert GpuTask.model_validate_json(task.to_json()) == task


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"attempt": 0}, {"job": "../x"}, {"task": "A"}, {"extra": 1}, {"instance_id": None}],
)
def test_another_version_an_unknown_key_or_a_bad_id_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(change))):
        GpuTask.model_validate(TASK | change)


def test_a_reason_fits_a_queue_message() -> None:
    result = GpuResult.model_validate(TASK | {"outcome": "failed", "reason": "x" * 2000})
    assert len(result.to_json()) < 48 * 1024
    with pytest.raises(ValidationError, match="reason"):
        GpuResult.model_validate(TASK | {"outcome": "failed", "reason": "x" * 2001})


def test_a_result_of_a_newer_node_is_read_without_what_is_new_in_it() -> None:
    newer = TASK | {"outcome": "failed", "cause": "job", "added_later": {"x": 1}}
    assert GpuResult.model_validate(newer).cause == "job"


@pytest.mark.parametrize(
    "change",
    [{"piece": [3, 2]}, {"piece": [-1, 2]}, {"chunk": -1}, {"attempt": 10**9}, {"seconds": {"total": -1}}],
)
def test_numbers_that_no_task_has_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(change))):
        GpuResult.model_validate(TASK | {"outcome": "succeeded"} | change)
