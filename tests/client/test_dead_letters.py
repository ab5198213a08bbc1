"""`deadletter list | show | replay | drop`."""

from typing import Any

import pytest

from tests.client.conftest import Client
from tests.client.fake_function_app import FakeFunctionApp

pytestmark = pytest.mark.timeout(60)

WORK = {
    "queue": "gpu-tasks",
    "entry": "clip-0001-c00003",
    "reason": "frames 40..51 cannot be decoded [corrupt]",
    "body": '{"job":"clip-0001"}',
    "dequeue_count": 0,
    "job": "clip-0001",
    "run": 1,
    "chunk": 3,
    "piece": [36, 59],
    "bad_frames": [[40, 51], [55, 55]],
    "first_failed": "2026-01-02T03:04:05Z",
    "last_failed": "2026-01-02T03:05:06Z",
}
NOISE = {
    "queue": "gpu-results-poison",
    "entry": "6b1e0c5e-0001",
    "reason": "no message of this app",
    "body_base64": "/wA=",
    "run": None,
    "first_failed": "2026-01-01T00:00:00Z",
    "last_failed": "2026-01-01T00:00:01Z",
}


@pytest.fixture(autouse=True)
def letters(app: FakeFunctionApp) -> list[dict[str, Any]]:
    app.letters = [dict(WORK), dict(NOISE)]
    return app.letters


async def test_the_list_has_a_line_for_each_with_the_frames_that_broke_it(client: Client) -> None:
    done = await client("deadletter", "list")
    assert done.code == 0, done.err
    header, work, noise = done.out.splitlines()
    assert header.split() == ["entry", "time", "job", "chunk", "frames", "reason"]
    assert work.split()[:4] == ["gpu-tasks/clip-0001-c00003", "2026-01-02T03:05:06", "clip-0001", "3"]
    assert "40..51 and 55 " in work
    assert work.rstrip().endswith("[corrupt]")
    assert noise.split()[0] == "gpu-results-poison/6b1e0c5e-0001"
    assert len((await client("deadletter", "list", "--top", "1")).out.splitlines()) == 2


async def test_machines_get_all_fields(client: Client) -> None:
    done = await client("deadletter", "list", "--json")
    assert [entry["chunk"] for entry in done.json["entries"]] == [3, None]
    assert done.json["entries"][0]["bad_frames"] == [[40, 51], [55, 55]]


async def test_an_empty_archive_says_so(client: Client, letters: list[dict[str, Any]]) -> None:
    letters.clear()
    assert (await client("deadletter", "list")).out == "no dead letters\n"


async def test_show_prints_everything_and_the_body(client: Client) -> None:
    done = await client("deadletter", "show", "gpu-tasks/clip-0001-c00003")
    assert done.code == 0, done.err
    for part in ("clip-0001", "[36, 59]", "frames 40..51 and 55", "03:04:05", "03:05:06", "[corrupt]"):
        assert part in done.out
    assert done.out.splitlines()[-1] == '{"job":"clip-0001"}'
    assert (await client("deadletter", "show", "gpu-tasks/clip-0001-c00003", "--json")).json["piece"] == [36, 59]
    assert (await client("deadletter", "show", "gpu-results-poison/6b1e0c5e-0001")).out.endswith("base64: /wA=\n")


async def test_replay_and_drop_do_it_and_say_what_they_did(client: Client, app: FakeFunctionApp) -> None:
    replayed = await client("deadletter", "replay", "gpu-tasks/clip-0001-c00003")
    assert (replayed.code, app.replayed) == (0, ["clip-0001-c00003"])
    assert "gpu-tasks/clip-0001-c00003: is on its queue again" in replayed.out
    dropped = await client("deadletter", "drop", "gpu-tasks/clip-0001-c00003", "--json")
    assert dropped.json == {"queue": "gpu-tasks", "entry": "clip-0001-c00003", "dropped": True}
    assert [letter["entry"] for letter in app.letters] == ["6b1e0c5e-0001"]


async def test_one_that_cannot_be_replayed_says_why_and_what_to_do(client: Client, app: FakeFunctionApp) -> None:
    done = await client("deadletter", "replay", "gpu-results-poison/6b1e0c5e-0001")
    assert (done.code, app.replayed) == (1, [])
    assert "its run is over: nobody waits for it; retry the job" in done.err


@pytest.mark.parametrize("action", ["show", "replay", "drop"])
async def test_one_that_is_not_there_and_a_name_that_is_none_are_exit_code_2(client: Client, action: str) -> None:
    gone = await client("deadletter", action, "gpu-tasks/gone")
    assert (gone.code, "there is no dead letter 'gpu-tasks/gone'" in gone.err) == (2, True)
    for name in ("gone", "gpu-tasks/../styles", "a b/c"):
        wrong = await client("deadletter", action, name)
        assert (wrong.code, "give QUEUE/ID" in wrong.err) == (2, True)
