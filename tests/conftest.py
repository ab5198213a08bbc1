"""What several folders of tests share: one real Azurite."""

from collections.abc import Iterator

import pytest

from tests.azurite import Azurite


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Blobs and queues on free ports, for the whole session; tests keep to containers of their own."""
    with Azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running
