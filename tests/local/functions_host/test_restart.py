"""A host started on the state of an earlier one goes on where that one stopped."""

import signal
from pathlib import Path

import pytest

from tests.local.functions_host.running_host import RunningHost, eventually, start_host

pytestmark = pytest.mark.timeout(180)


def begin(host: RunningHost) -> None:
    """Set going one of everything that a restart must take up again."""
    host.run("echo_input", "kept", instance_id="finished")
    host.start("approval", 3600, instance_id="waits-for-event")
    host.start("approval", 3, instance_id="waits-for-timer")
    host.start("parent", {"child": "approval", "input": 3, "count": 2}, instance_id="waits-for-children")
    host.start("naps", {"tag": "nap", "seconds": 0.2, "count": 30}, instance_id="half-way")
    host.start("napping", {"tag": "long", "seconds": 2}, instance_id="in-an-activity")
    eventually(lambda: len(host.noted("woke")) >= 5 and host.noted("nap", "long"), "some naps to be over")
    host.start("echo_input", "accepted", instance_id="just-accepted")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["closed", "killed"])
def test_orchestrations_survive_a_host_that_is(number: int, azurite: str, tmp_path: Path) -> None:
    host = start_host(tmp_path / "state", azurite, "--grace", "0.5")
    begin(host)
    host.end(number)

    host = start_host(tmp_path / "state", azurite)
    try:
        assert host.status("finished")["output"] == "kept"
        answer = host.client.post(f"{host.durable}/instances/waits-for-event/raiseEvent/approve", json="after")
        assert answer.status_code == 202
        assert host.wait("waits-for-event")["output"] == {"approved": "after"}
        assert host.wait("just-accepted")["output"] == "accepted"
        assert host.wait("in-an-activity")["output"] == "long"
        assert host.wait("half-way")["output"] == [f"nap-{number}" for number in range(30)]
        assert host.wait("waits-for-timer")["output"] == {"timeout": True}
        assert host.wait("waits-for-children")["output"] == [{"timeout": True}] * 2
    finally:
        host.end()


def test_a_closing_host_lets_running_functions_finish(azurite: str, tmp_path: Path) -> None:
    host = start_host(tmp_path / "state", azurite)
    host.start("napping", {"tag": "graceful", "seconds": 1}, instance_id="napping")
    eventually(lambda: host.noted("nap"), "the nap to begin")
    assert host.end(signal.SIGTERM) == 0
    assert host.noted("woke") == [["woke", "graceful"]]


def test_finished_orchestrations_beyond_the_retention_are_purged(azurite: str, tmp_path: Path) -> None:
    host = start_host(tmp_path / "state", azurite, "--keep-finished", "5")
    try:
        for number in range(12):
            host.run("echo_input", number, instance_id=f"i{number}")
        gone = f"{host.durable}/instances/i0"
        eventually(lambda: host.client.get(gone).status_code == 404, "the oldest to be purged")
        assert host.status("i11")["output"] == 11
    finally:
        host.end()
