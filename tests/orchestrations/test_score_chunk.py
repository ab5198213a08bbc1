"""One bad frame costs one frame: what becomes of chunks whose tasks fail, on Microsoft's own durable engine."""

from typing import Any

import pytest
from durabletask.client import OrchestrationState, OrchestrationStatus

from contracts import frame_runs
from tests.orchestrations.harness import FRAMES_PER_CHUNK, Hands, result_of, run, span_of

HOLD = {"on_bad_frame": "hold", "max_bad_frames": 100, "max_bad_run": 100}


class Source(Hands):
    """A video with bad frames. `named`: tasks say which they are; otherwise a task that meets one just dies.

    `segments` are the (span, frames left unscored) that tasks wrote.
    """

    def __init__(self, bad: set[int], named: bool, chunks: int = 1, **policy: Any) -> None:
        super().__init__(chunks, **policy)
        self.bad, self.named = bad, named
        self.segments: list[tuple[list[int], list[int]]] = []

    def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
        span = span_of(task)
        met = sorted(n for n in self.bad if span[0] <= n <= span[1] and n not in self.replaced(task))
        if not met:
            self.send(result_of(task))
        elif self.named:
            told = {"cause": "frame", "bad_frames": frame_runs.runs_of(met)}
            self.send(result_of(task, outcome="failed", reason=f"frame {met[0]} is damaged", **told))
        else:
            self.send(result_of(task, outcome="failed", reason="exit code 139"))
        return {"state": "submitted", "span": span}

    def verify_chunk(self, check: dict[str, Any]) -> dict[str, Any]:
        span, left = span_of(check), self.replaced(check)
        self.segments.append((span, left))
        runs = [
            {"first": first, "last": last, "outcome": "held", "reason": check["bad_reason"]}
            for first, last in frame_runs.runs_of(left)
        ]
        return {"frames": span[1] - span[0] + 1, "bad_frames": len(left), "bad_runs": runs}

    @staticmethod
    def replaced(task: dict[str, Any]) -> list[int]:
        frames = task["replacement"]["frames"] if task["replacement"] else []
        return [n for first, last in frames for n in range(first, last + 1)]

    def covered(self) -> list[int]:
        return sorted(n for span, _ in self.segments for n in range(span[0], span[1] + 1))

    def unscored(self) -> set[int]:
        return {n for _, left in self.segments for n in left}


def reason_of(state: OrchestrationState) -> str:
    return state.get_custom_status()["reason"]


@pytest.mark.parametrize("by", ["hold", "source"])
def test_frames_that_a_task_names_are_left_out_by_the_next_and_no_other_is(by: str) -> None:
    hands = Source({3, 4, 12}, named=True, chunks=2, **HOLD | {"on_bad_frame": by})
    state = run(hands)

    assert state.runtime_status is OrchestrationStatus.COMPLETED, reason_of(state)
    assert hands.covered() == list(range(2 * FRAMES_PER_CHUNK))
    assert hands.unscored() == {3, 4, 12}
    asked = [task for task in hands.payloads("submit_chunk") if task["chunk"] == 0]
    assert [task["task"] for task in asked] == ["c00000-a1", "c00000-a2"]  # not tried again as it was
    assert asked[1]["replacement"] == {"frames": [[3, 4]], "by": by, "avoid": []}
    status = state.get_custom_status()
    assert status["bad_frames"] == 3
    runs = [(run["first"], run["last"], run["reason"]) for run in status["bad_runs"]]
    assert runs == [(3, 4, "frame 3 is damaged"), (12, 12, "frame 12 is damaged")]


def test_under_fail_the_job_fails_at_once_and_names_every_bad_frame_and_the_remedy() -> None:
    hands = Source({3, 4, 8}, named=True)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert "frames 3..4 and 8 cannot be scored: frame 3 is damaged" in reason_of(state)
    assert "on_bad_frame 'hold' or 'source'" in reason_of(state)
    assert hands.calls["submit_chunk"] == 1
    assert hands.segments == []


@pytest.mark.parametrize("bad", [{0}, {9}, {4, 5}, {0, 9}])
def test_a_chunk_that_dies_without_saying_why_is_halved_down_to_the_frame(bad: set[int]) -> None:
    hands = Source(bad, named=False, **HOLD, max_attempts=2)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.COMPLETED, reason_of(state)
    assert hands.covered() == list(range(FRAMES_PER_CHUNK))
    assert hands.unscored() == bad
    names = [task["task"] for task in hands.payloads("submit_chunk")]
    assert len(names) == len(set(names))  # Batch takes each task id once
    single = min(bad)
    assert [n for n in names if n.startswith(f"c00000-{single}-{single}-a")] == [
        f"c00000-{single}-{single}-a{attempt}" for attempt in (1, 2, 3)
    ]  # judged by every attempt, then replaced


def test_under_fail_the_frame_that_kills_its_tasks_is_found_and_named() -> None:
    hands = Source({6}, named=False, max_attempts=2)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert reason_of(state).startswith("frame 6 cannot be scored: exit code 139")


def test_what_was_given_up_is_kept_as_a_dead_letter_with_the_frames() -> None:
    hands = Source({6}, named=True)
    run(hands)
    (burial,) = hands.payloads("bury_task")
    assert (burial["chunk"], burial["bad_frames"], burial["task"]) == (0, [[6, 6]], "c00000-a1")
    assert "frame 6 is damaged" in burial["reason"]
    assert burial["first_failed"] == burial["last_failed"]


def test_known_bad_frames_beside_a_piece_are_not_to_be_held() -> None:
    hands = Source({4, 5}, named=False, **HOLD, max_attempts=1)
    run(hands)
    last = [task for task in hands.payloads("submit_chunk") if task["piece"] == [5, 5]][-1]
    assert last["replacement"] == {"frames": [[5, 5]], "by": "hold", "avoid": [[4, 4]]}


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"max_bad_frames": 2}, "3 bad frames are more than max_bad_frames, 2"),
        ({"max_bad_run": 1}, "2 bad frames one after the other are more than max_bad_run, 1"),
    ],
)
def test_more_bad_frames_than_allowed_fail_the_job(limits: dict[str, int], named: str) -> None:
    hands = Source({3, 4, 8}, named=True, **HOLD | limits)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert named in reason_of(state)
    assert hands.calls["stitch_video"] == 0


def test_bad_frames_of_all_chunks_count_against_the_limit() -> None:
    hands = Source({3, 13, 23}, named=True, chunks=3, **HOLD | {"max_bad_frames": 2})
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert "3 frames cannot be scored, more than max_bad_frames, 2" in reason_of(state)


def test_where_nothing_can_be_scored_the_search_for_one_bad_frame_ends_soon() -> None:
    hands = Source(set(range(FRAMES_PER_CHUNK)), named=False, **HOLD, max_attempts=1)
    state = run(hands)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert "it is not single frames that are bad: 1 attempt failed: exit code 139" in reason_of(state)
    assert hands.unscored() < set(range(FRAMES_PER_CHUNK))


@pytest.mark.parametrize(("cause", "tries"), [("job", 1), ("node", 3)])
def test_a_failure_that_is_not_about_frames_is_not_searched_for(cause: str, tries: int) -> None:
    class Broken(Hands):
        def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
            self.send(result_of(task, outcome="failed", reason="the weights are gone", cause=cause))
            return {"state": "submitted", "span": span_of(task)}

    hands = Broken(chunks=1)
    state = run(hands)
    attempts = "1 attempt" if tries == 1 else "3 attempts"
    assert reason_of(state) == f"{attempts} failed: the weights are gone"
    assert hands.calls["submit_chunk"] == tries


def test_only_what_an_earlier_run_left_undone_is_scored() -> None:
    class Resumed(Source):
        def submit_chunk(self, task: dict[str, Any]) -> dict[str, Any]:
            if task["piece"] is None:
                return {"state": "partial", "span": [0, 9], "missing": [[2, 3], [7, 7]], "frames": 7}
            return super().submit_chunk(task)

    hands = Resumed(set(), named=True)
    state = run(hands, run=2)
    assert state.runtime_status is OrchestrationStatus.COMPLETED, reason_of(state)
    assert hands.segments == [([2, 3], []), ([7, 7], [])]
    assert state.get_custom_status()["frames_done"] == FRAMES_PER_CHUNK


def test_a_replacement_that_fails_as_well_gives_up_and_says_so() -> None:
    class Hopeless(Source):
        @staticmethod
        def replaced(task: dict[str, Any]) -> list[int]:
            return []

    hands = Hopeless({6}, named=False, **HOLD, max_attempts=1)
    state = run(hands)
    assert "frame 6 could not be replaced either: 1 attempt failed: exit code 139" in reason_of(state)
