"""Messages about a stitch: known by the task's name, and held to the instance that awaits it."""

import pytest

from contracts import layout
from contracts.messages import GpuResult, GpuTask
from triggers.gpu_messages import NotAMessage, parse


def message(task: str, instance: str) -> GpuTask:
    return GpuTask(job="clip-1", task=task, chunk=None, attempt=2, instance_id=instance)


def test_a_stitch_is_told_from_a_fit() -> None:
    stitch = message("stitch-a2", layout.stitch_instance("clip-1", 1))
    assert parse(stitch.to_json().encode(), GpuTask) == stitch
    said = GpuResult(**stitch.about(), outcome="succeeded")
    assert parse(said.to_json().encode(), GpuResult) == said


@pytest.mark.parametrize(
    ("task", "instance"),
    [
        ("stitch-a2", layout.model_instance("clip-1", 1)),
        ("fit-a2", layout.stitch_instance("clip-1", 1)),
        ("stitch-a3", layout.stitch_instance("clip-1", 1)),
    ],
)
def test_one_that_names_different_work_is_none(task: str, instance: str) -> None:
    with pytest.raises(NotAMessage):
        parse(message(task, instance).to_json().encode(), GpuTask)


def test_all_attempts_at_a_piece_of_work_share_a_name() -> None:
    assert layout.work_name(layout.stitch_task(3)) == "stitch"
    assert layout.work_name(layout.fit_task(1)) == "fit"
    assert layout.work_name(layout.chunk_task(3, (100, 149), 2)) == "c00003-100-149"
