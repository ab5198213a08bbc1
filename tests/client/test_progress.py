import io

import pytest
from rich.console import Console
from rich.progress import Progress

from client.clock import clock
from client.job_state import JobState
from client.progress import BarReporter, describe, job_reporter, one_line
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


FIT = {"step": 300, "steps": 1500, "style": 0.31, "content": 0.7, "seconds_left": 80.0}


def fitting(elapsed: float = 5.0, **more: object) -> Observation:
    seen = RUNNING | {"customStatus": status("preparing", fit=FIT | more)}
    return Observation(JobState.parse({"job": "some-0001"} | seen), rate=None, elapsed=elapsed)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_fit_is_told_in_steps_losses_and_time_left(terminal: bool) -> None:
    out = io.StringIO()
    with job_reporter(Console(file=out, force_terminal=terminal, width=140), "some-0001") as reporter:
        reporter.show(fitting())
    for part in ("fitting the style", "step 300/1500, style 0.31, content 0.70", "1:20 left"):
        assert part in out.getvalue()
    assert "frames" not in out.getvalue()


def test_a_fit_of_another_job_is_waited_for_by_name_and_losses_that_are_not_known_are_left_out() -> None:
    other = fitting(job="other-0002", style=None, content=None, seconds_left=None)
    assert one_line(other.state) == ("some-0001: waiting for job other-0002, which fits this style, step 300/1500")


def test_a_fit_of_another_job_that_has_not_begun_has_no_steps() -> None:
    assert describe(fitting(job="other-0002", step=0, steps=1))["fit"] == ""


@pytest.mark.parametrize(("loss", "text"), [(1234.5, "1234"), (0.314, "0.31"), (0.00123, "0.0012"), (0.0, "0")])
def test_losses_of_any_size_are_short(loss: float, text: str) -> None:
    assert describe(fitting(style=loss, content=None))["fit"] == f"step 300/1500, style {text}"


def test_off_a_terminal_steps_are_worth_a_line_every_ten_seconds_and_a_wait_at_once() -> None:
    out = io.StringIO()
    with job_reporter(Console(file=out), "some-0001") as reporter:
        reporter.show(observation(RUNNING | {"customStatus": status("preparing")}))
        for second in range(5, 26):
            reporter.show(fitting(float(second), step=10 * second))
        reporter.show(fitting(26.0, job="other-0002"))
    told = [line.split(", style")[0] for line in out.getvalue().splitlines()]
    fit = "fitting the style, step"
    wait = "waiting for job other-0002, which fits this style, step 300/1500"
    assert told[1:] == [f"{fit} 50/1500", f"{fit} 150/1500", f"{fit} 250/1500", wait]


def test_the_bar_runs_over_steps_and_then_over_frames() -> None:
    progress = Progress(console=Console(file=io.StringIO()))
    reporter = BarReporter(progress, progress.add_task("some-0001", total=None))
    amounts: list[tuple[float | None, float]] = []
    for seen in (fitting(), observation(RUNNING | {"customStatus": status("scoring", frames_done=60, fit=FIT)})):
        reporter.show(seen)
        amounts.append((progress.tasks[0].total, progress.tasks[0].completed))
    assert amounts == [(1500, 300), (180, 60)]


def test_a_fit_that_is_over_is_not_told_any_more() -> None:
    seen = RUNNING | {"customStatus": status("scoring", frames_done=60, chunks_done=1, fit=FIT)}
    assert one_line(observation(seen).state) == "some-0001: scoring, 60/180 frames, 1/3 chunks"
