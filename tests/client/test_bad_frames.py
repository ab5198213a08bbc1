"""Frames that were not scored, jobs that were cancelled, and jobs that are tried again: what the user is told."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from client import bad_frames
from client.job_state import JobState
from client.progress import job_reporter
from client.watch import Observation
from tests.client.conftest import Client
from tests.client.fake_function_app import FAILED, RUNNING, TERMINATED, FakeFunctionApp, status

pytestmark = pytest.mark.timeout(60)

RUN = {"first": 37, "last": 48, "outcome": "held", "reason": "the decoder gave nothing"}
HELD = RUNNING | {"customStatus": status("scoring", frames_done=60, bad_frames=12, bad_runs=[RUN])}
TOLD = "12 frames not scored: frames 37..48 held (the decoder gave nothing)"


def told(count: int, *runs: dict[str, Any]) -> str | None:
    seen = RUNNING | {"customStatus": status("scoring", bad_frames=count, bad_runs=list(runs))}
    return bad_frames.told(JobState.parse({"job": "some-0001"} | seen))


def test_runs_of_one_fate_are_told_together_and_what_is_not_named_is_counted() -> None:
    assert told(0) is None
    assert told(12, RUN) == TOLD
    one = {"first": 51, "last": 51, "outcome": "source", "reason": "it broke the scorer"}
    assert told(1, one) == "1 frame not scored: frame 51 passed through (it broke the scorer)"
    more = told(40, RUN, RUN | {"first": 60, "last": 61}, one | {"first": 70, "last": 70})
    assert more == (
        "40 frames not scored: frames 37..48 and 60..61 held (the decoder gave nothing); "
        "frame 70 passed through (it broke the scorer); 25 more, which the ledger names"
    )


async def test_status_tells_of_bad_frames(client: Client, app: FakeFunctionApp) -> None:
    app.jobs, app.script = ["some-0001"], [HELD]
    assert f"\n  {TOLD}\n" in (await client("status", "some-0001")).out
    done = await client("status", "some-0001", "--json")
    assert (done.json["bad_frames"], done.json["bad_runs"]) == (12, [RUN])


async def test_the_list_counts_them(client: Client, app: FakeFunctionApp) -> None:
    app.jobs, app.script = ["some-0001"], [HELD]
    header, line = (await client("list")).out.splitlines()
    assert header.index("not scored") == line.index("12 ")
    assert (await client("list", "--json")).json["jobs"][0]["bad_frames"] == 12


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_warns_once_when_the_first_appear(terminal: bool) -> None:
    out = io.StringIO()
    with job_reporter(Console(file=out, force_terminal=terminal, width=200), "some-0001") as reporter:
        for second, seen in enumerate([RUNNING, HELD, HELD]):
            reporter.show(Observation(JobState.parse({"job": "some-0001"} | seen), rate=None, elapsed=float(second)))
    assert out.getvalue().count(f"warning: {TOLD}") == 1


async def test_bad_frame_options_are_flags(client: Client, app: FakeFunctionApp, clip: Path) -> None:
    flags = ("--on-bad-frame", "hold", "--max-bad-frames", "0", "--max-bad-run", "7")
    done = await client("submit", str(clip), "--style", "mosaic", *flags)
    assert done.code == 0, done.err
    assert app.requests[0]["options"] == {"on_bad_frame": "hold", "max_bad_frames": 0, "max_bad_run": 7}


async def test_the_remedy_that_the_reason_names_is_said_once(client: Client, app: FakeFunctionApp) -> None:
    reason = "frames 37..48 cannot be decoded; submit it with --on-bad-frame hold"
    app.jobs, app.script = ["some-0001"], [FAILED | {"customStatus": status("failed", reason=reason, cost=0.125)}]
    done = await client("status", "some-0001")
    assert done.code == 1
    assert done.out.count("--on-bad-frame") == 1
    assert "  spent: 0.125\n" in done.out


async def test_a_cancelled_job_tells_what_was_spent_and_why_it_ended(
    client: Client, app: FakeFunctionApp, clip: Path
) -> None:
    ended = status("cancelled", cost=0.25, reason="cancelled by its user")
    # Durable's own status door, which a submit polls, knows only what the workflow said last.
    app.script = [TERMINATED, TERMINATED | {"customStatus": ended}]
    done = await client("submit", str(clip), "--style", "mosaic", "--watch")
    assert done.code == 1
    assert ": cancelled, " in done.out
    assert "  reason: cancelled by its user\n  spent: 0.25\n" in done.out


async def test_a_job_that_failed_of_being_cancelled_is_cancelled(client: Client, app: FakeFunctionApp) -> None:
    app.jobs, app.script = ["some-0001"], [FAILED | {"customStatus": status("cancelled", cost=0.5)}]
    done = await client("status", "some-0001", "--json")
    assert (done.code, done.json["status"], done.json["phase"], done.json["cost"]) == (1, "cancelled", "cancelled", 0.5)


async def test_retry_runs_a_failed_job_again_and_can_watch_it(client: Client, app: FakeFunctionApp) -> None:
    app.jobs, app.script = ["some-0001"], [FAILED, RUNNING]
    done = await client("retry", "some-0001")
    assert (done.code, app.retried) == (0, ["some-0001"])
    assert "status some-0001 --watch" in done.err
    assert done.out == "some-0001: scoring, 60/180 frames, 1/3 chunks\n"
    app.polls, app.script = 0, [FAILED, RUNNING, FAILED]
    watched = await client("retry", "some-0001", "--watch", "--json")
    assert (watched.code, watched.json["status"]) == (1, "failed")


async def test_a_job_that_runs_cannot_be_retried_and_one_that_is_not_there_neither(
    client: Client, app: FakeFunctionApp
) -> None:
    app.jobs = ["some-0001"]
    running = await client("retry", "some-0001")
    assert (running.code, app.retried) == (1, [])
    assert running.err == (
        "error: job: the job is under way (Running); cancel it first, or wait for its end (got some-0001)\n"
    )
    gone = await client("retry", "gone")
    assert (gone.code, "there is no job 'gone'" in gone.err) == (2, True)
