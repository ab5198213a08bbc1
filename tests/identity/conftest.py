"""One stack for all tests of this folder, and this process as the app's identity."""

import os
from collections.abc import Iterator

import pytest

from activities import batch, identity
from activities.settings import settings
from activities.storage import Account
from tests.identity.deployed_stack import DeployedStack, without_azure
from tests.infra.deployments import app_settings


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStack]:
    """The app with exactly the settings that infra/ emits; only their addresses are this machine's."""
    with DeployedStack(tmp_path_factory.mktemp("deployed"), app_settings()) as running:
        yield running


@pytest.fixture
def as_app(deployed: DeployedStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeployedStack]:
    """This process has the app's environment, as App Service gives it, and no credential from before."""
    for name in os.environ.keys() - without_azure(dict(os.environ)).keys():
        monkeypatch.delenv(name)
    for name, value in (deployed.settings | deployed.identity).items():
        monkeypatch.setenv(name, value)
    forget = (settings, batch.client, identity._managed_identity, identity._whatever_is_there)
    for cached in forget:
        cached.cache_clear()
    yield deployed
    for cached in forget:
        cached.cache_clear()


@pytest.fixture
def data(as_app: DeployedStack) -> Iterator[Account]:
    yield from _account("DATA_STORAGE", as_app)


@pytest.fixture
def system(as_app: DeployedStack) -> Iterator[Account]:
    yield from _account("SYSTEM_STORAGE", as_app)


def _account(name: str, stack: DeployedStack) -> Iterator[Account]:
    account = Account(name, stack.settings)
    yield account
    account.blobs.close()
    account.queues.close()
