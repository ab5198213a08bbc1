"""What one job measured of its speed is what the next one is planned by, through the whole system."""

from pathlib import Path

import pytest

from contracts.provenance import Provenance
from tests.end_to_end.local_stack import LocalStack

pytestmark = pytest.mark.timeout(300)


def provenance_of(stack: LocalStack, clip: Path, name: str, folder: Path) -> Provenance:
    """Of a new job, once it has finished."""
    stack.upload(clip, f"{name}.mp4")
    job = stack.submit(video=f"{name}.mp4", scorer="identity", options={"chunk_size": 20, "max_dimension": 120})
    result = stack.wait(job)["output"]
    return Provenance.model_validate_json(stack.download(result["provenance"], folder / name).read_text())


def test_the_second_job_of_a_kind_is_planned_by_the_first_and_both_say_how_it_went(
    stack: LocalStack, clip: Path, tmp_path: Path
) -> None:
    first, second = (provenance_of(stack, clip, name, tmp_path) for name in ("measuring", "measured"))
    assert first.plan.figures.source != "measured"
    figures = second.plan.figures
    assert (figures.source, figures.measured_jobs) == ("measured", (first.job,))
    assert figures.start_up_seconds > 0
    assert figures.seconds_per_frame != first.plan.figures.seconds_per_frame
    for told in (first, second):
        assert told.makespan is not None
        assert (told.makespan.frames, told.makespan.compares) == (60, True)
        assert told.makespan.expected_seconds == told.plan.expected_seconds
        assert told.makespan.actual_seconds > 0
