import pytest
from pydantic import ValidationError

from contracts.plan import Chunk, Plan, PlanFigures

FIGURES = PlanFigures(workers=1, start_up_seconds=1, seconds_per_frame=1, node_losses_per_hour=0, node_price_per_hour=0)


def plan(*ranges: tuple[int, int], frame_count: int = 10) -> Plan:
    chunks = tuple(Chunk(index=n, first=first, last=last) for n, (first, last) in enumerate(ranges))
    return Plan(frame_count=frame_count, chunks=chunks, figures=FIGURES, expected_seconds=1, expected_cost=0)


def test_chunks_cover_every_frame_once() -> None:
    assert [chunk.frame_count for chunk in plan((0, 3), (4, 9)).chunks] == [4, 6]


@pytest.mark.parametrize("ranges", [[(0, 3), (5, 9)], [(0, 4), (4, 9)], [(1, 9)], [(0, 8)], [(0, 10)], []])
def test_a_plan_with_a_gap_or_an_overlap_cannot_be_made(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(ValidationError, match="chunks"):
        plan(*ranges)


def test_a_chunk_ends_after_it_begins_and_warms_up_on_frames_that_exist() -> None:
    with pytest.raises(ValidationError, match="before first"):
        Chunk(index=0, first=3, last=2)
    with pytest.raises(ValidationError, match="do not exist"):
        Chunk(index=0, first=3, last=5, warm_up=4)
