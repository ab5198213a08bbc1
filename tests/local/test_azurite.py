import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.azurite import SERVICES, Azurite, AzuriteSettings, end_left_over, find_azurite
from local.errors import AzuriteError
from local.infrastructure import ACCOUNTS, CONTAINERS, QUEUES, deploy
from local.processes import identify
from tests.local.loop_thread import LoopThread

pytestmark = pytest.mark.timeout(90)


def _containers(settings: AzuriteSettings, account: str) -> set[str]:
    with BlobServiceClient.from_connection_string(settings.connection_string(account)) as service:
        return {container.name for container in service.list_containers()}


def test_every_account_gets_what_a_deployment_makes(own_azurite: Azurite, loop: LoopThread) -> None:
    settings = own_azurite.settings
    strings = {account: settings.connection_string(account) for account in ACCOUNTS}
    loop.run(deploy(strings))
    loop.run(deploy(strings))  # a second run finds everything there
    for account, names in CONTAINERS.items():
        assert _containers(settings, account) >= set(names)
    for account, names in QUEUES.items():
        with QueueServiceClient.from_connection_string(strings[account]) as service:
            assert {queue.name for queue in service.list_queues()} >= set(names)


def test_an_account_opens_with_its_own_key_only(own_azurite: Azurite) -> None:
    keys = own_azurite.settings.keys
    assert len(set(keys.values())) == len(ACCOUNTS)
    swapped = replace(own_azurite.settings, keys={**keys, "data": keys["system"]})
    with pytest.raises(HttpResponseError) as refused:
        _containers(swapped, "data")
    assert refused.value.status_code == 403


def test_it_is_restarted_at_the_same_address_when_it_dies(own_azurite: Azurite) -> None:
    settings, died = own_azurite.settings, own_azurite.pid
    assert died is not None
    os.kill(died, signal.SIGKILL)
    _until(lambda: own_azurite.pid not in (None, died) and settings.log.read_text().count("successfully") >= 6)
    _containers(settings, "data")
    assert not own_azurite.failed.done()


def _until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end, reached
        time.sleep(0.05)


def test_keys_are_not_on_the_command_line_and_secrets_not_inherited(
    own_azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_SECRET", "must not travel")
    settings = own_azurite.settings
    assert not any(key in word for key in settings.keys.values() for word in settings.command())
    assert "SERVICE_SECRET" not in settings.environment()


async def test_it_says_why_it_does_not_start(tmp_path: Path) -> None:
    program = tmp_path / "azurite"
    program.write_text("#!/bin/sh\necho listen EADDRINUSE: 127.0.0.1:10000\nexit 1\n")
    program.chmod(0o700)
    settings = AzuriteSettings(program, tmp_path / "data", tmp_path / "log", dict.fromkeys(SERVICES, 1), {"data": "k"})
    with pytest.raises(AzuriteError, match=rf"did not start: listen EADDRINUSE.*see {tmp_path / 'log'}"):
        await Azurite(settings).start()


def test_what_is_not_installed_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(AzuriteError, match="run make setup"):
        find_azurite(tmp_path)


async def test_an_azurite_left_by_a_killed_stack_is_ended(tmp_path: Path) -> None:
    left = await _sleeper()
    group = identify(left.pid)
    assert group is not None
    (tmp_path / "process").write_text(f"{group.pgid} {group.started}")
    await end_left_over(tmp_path)
    assert await left.wait() == -signal.SIGTERM
    await end_left_over(tmp_path)


async def test_another_process_of_the_same_number_is_left_alone(tmp_path: Path) -> None:
    other = await _sleeper()
    (tmp_path / "process").write_text(f"{other.pid} another-boot:12345")
    await end_left_over(tmp_path)
    assert other.returncode is None
    other.kill()
    await other.wait()


async def _sleeper() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
