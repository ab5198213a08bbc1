"""A Batch service shared by the tests of a module: pool "main" with two nodes of two slots."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.batch_service import NodeImage, PoolSettings
from tests.local.batch_service.local_batch import LocalBatch

# azure-batch 15.1.0 signs with datetime.utcnow().
_SDK_WARNING = "ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(_SDK_WARNING))


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBatch]:
    image = NodeImage({"IMAGE": "on every node"}, containers={"tool:1": ("echo", "entry point")})
    pools = (PoolSettings("main", dedicated_nodes=2, slots_per_node=2), PoolSettings("empty", dedicated_nodes=0))
    with LocalBatch(tmp_path_factory.mktemp("batch"), pools=pools, image=image) as running:
        yield running
