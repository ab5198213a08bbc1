import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ledger import BadRun, ChunkOutcome, Ledger, LedgerIncomplete


def outcome(chunk: int, first: int, last: int) -> ChunkOutcome:
    return ChunkOutcome(
        chunk=chunk,
        first=first,
        last=last,
        attempt=1,
        task=f"c{chunk:05d}-a1",
        segment="s",
        segment_sha256="0" * 64,
        segment_bytes=1,
    )


def test_a_complete_ledger_lists_every_frame_once_in_order() -> None:
    ledger = Ledger.from_chunks("job", 10, [outcome(1, 4, 9), outcome(0, 0, 3)])
    assert [(entry.first, entry.last) for entry in ledger.entries] == [(0, 3), (4, 9)]


@pytest.mark.parametrize(
    ("chunks", "problem"),
    [
        ([(1, 9)], "frames 0..0 are missing"),
        ([(0, 3), (6, 9)], "frames 4..5 are missing"),
        ([(0, 7)], "frames 8..9 are missing"),
        ([(0, 5), (5, 9)], "frames 5..5 are there twice"),
        ([(0, 9), (0, 9)], "frames 0..9 are there twice"),
        ([(0, 9), (2, 3)], "frames 2..3 are there twice"),
        ([(0, 10)], "frames 10..10 are not in the source"),
        ([], "frames 0..9 are missing"),
    ],
)
def test_a_frame_missing_or_doubled_is_named(chunks: list[tuple[int, int]], problem: str) -> None:
    outcomes = [outcome(n, first, last) for n, (first, last) in enumerate(chunks)]
    with pytest.raises(LedgerIncomplete) as caught:
        Ledger.from_chunks("job", 10, outcomes)
    assert problem in caught.value.problems


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted), max_size=5))
def test_a_ledger_passes_only_if_every_frame_is_there_exactly_once(runs: list[list[int]]) -> None:
    frames = [frame for first, last in runs for frame in range(first, last + 1)]
    complete = sorted(frames) == list(range(10))
    try:
        Ledger.from_chunks("job", 10, [outcome(n, first, last) for n, (first, last) in enumerate(runs)])
    except LedgerIncomplete:
        assert not complete
    else:
        assert complete


def test_frames_that_were_not_scored_are_entries_of_their_own_with_their_reason() -> None:
    held = BadRun(first=2, last=3, outcome="held", reason="damaged")
    passed = BadRun(first=4, last=4, outcome="source", reason="the scorer crashed")
    chunks = [
        outcome(0, 0, 3).model_copy(update={"replaced": (held,)}),
        outcome(1, 4, 9).model_copy(update={"replaced": (passed,), "outcome": "reused"}),
    ]
    ledger = Ledger.from_chunks("job", 10, chunks)
    assert [(e.first, e.last, e.outcome, e.reason) for e in ledger.entries] == [
        (0, 1, "scored", None),
        (2, 3, "held", "damaged"),
        (4, 4, "source", "the scorer crashed"),
        (5, 9, "reused", None),
    ]
    assert ledger.bad_runs == ((2, 4),)  # one run for whoever watches, though two chunks meet in it
