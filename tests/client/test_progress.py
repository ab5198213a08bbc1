import io

import pytest
from rich.console import Console

from client.job_state import JobState
from client.progress import clock, describe, job_reporter, one_line
from client.watch import Observation
from tests.client.fake_function_app import FAILED, RUNNING, status

RETRIED = RUNNING | {"customStatus": status("scoring", frames_done=60, chunks_done=1, retries=2, seconds_left=75.0)}


def observation(payload: dict[str, object]) -> Observation:
    return Observation(JobState.parse({"job": "some-0001"} | payload), rate=12.34, elapsed=5.0)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (75, "1:15"), (3661, "1:01:01")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_tells_phase_chunks_frames_rate_and_time_left(terminal: bool) -> None:
    out = io.StringIO()
    with job_reporter(Console(file=out, force_terminal=terminal, width=120), "some-0001") as reporter:
        reporter.show(observation(RUNNING | {"runtimeStatus": "Pending", "customStatus": None}))
        reporter.show(observation(RETRIED))
    for part in ("scoring", "60/180 frames", "1/3 chunks, 2 retried", "12.3 frames/s", "1:15 left"):
        assert part in out.getvalue()


def test_off_a_terminal_there_are_no_control_characters_and_no_repeated_lines() -> None:
    out = io.StringIO()
    with job_reporter(Console(file=out), "some-0001") as reporter:
        for _ in range(3):
            reporter.show(observation(RETRIED))
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()


def test_off_a_terminal_frames_alone_are_worth_a_line_now_and_then() -> None:
    out = io.StringIO()
    with job_reporter(Console(file=out), "some-0001") as reporter:
        for second in range(31):
            seen = RUNNING | {"customStatus": status("scoring", frames_done=second, chunks_done=second // 25)}
            reporter.show(Observation(JobState.parse({"job": "some-0001"} | seen), rate=1.0, elapsed=float(second)))
    told = [line.split(", ")[2] for line in out.getvalue().splitlines()]
    assert told == ["0/180 frames", "10/180 frames", "20/180 frames", "25/180 frames"]


def test_a_rate_is_told_only_of_scoring() -> None:
    stitching = RUNNING | {"customStatus": status("stitching", frames_done=180, chunks_done=3, seconds_left=0.0)}
    assert describe(observation(stitching))["rate"] == ""
    assert describe(observation(stitching))["left"] == "0:05 so far"


def test_one_line_of_a_failed_job_shows_how_far_it_came() -> None:
    state = JobState.parse({"job": "some-0001"} | FAILED)
    assert one_line(state) == "some-0001: failed, 0/180 frames, 0/3 chunks"
    assert state.reason == "chunk 2 failed three times: the node ran out of memory"
