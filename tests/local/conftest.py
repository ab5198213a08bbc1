"""One Azurite for the tests of the local stack, run by the stack's own code."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite, AzuriteSettings, find_azurite
from local.infrastructure import ACCOUNTS
from local.ports import choose_ports
from local.state_folder import StateFolder
from tests.local.loop_thread import LoopThread

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def loop() -> Iterator[LoopThread]:
    with LoopThread() as running:
        yield running


@pytest.fixture(scope="session")
def own_azurite(tmp_path_factory: pytest.TempPathFactory, loop: LoopThread) -> Iterator[Azurite]:
    folder = StateFolder(tmp_path_factory.mktemp("stack"))
    ports = choose_ports(dict.fromkeys(("blob", "queue", "table"), 0), {})
    settings = AzuriteSettings(
        program=find_azurite(REPOSITORY),
        data=folder.path / "azurite",
        log=folder.logs / "azurite.log",
        ports=ports,
        keys=folder.account_keys(ACCOUNTS),
    )

    async def start() -> Azurite:
        azurite = Azurite(settings)
        await azurite.start()
        return azurite

    azurite = loop.run(start())
    yield azurite
    loop.run(azurite.close())
    folder.close()
