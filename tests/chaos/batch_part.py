"""The Batch service as a process of its own, with the pool and the node image that the local stack deploys.

python -m tests.chaos.batch_part --state DIR --port N --orders DIR
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from local.app_settings import WARMTH, PoolSize, node_environment
from local.batch_service import BatchService, NodeImage, PoolSettings
from tests.chaos.wayward_task import ORDERS_VARIABLE

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--orders", type=Path, required=True, help="folder of the faults that tasks are to commit")
    arguments = parser.parse_args()
    pool = PoolSize()
    environment = node_environment(ROOT, Path(sys.executable), pool) | {ORDERS_VARIABLE: str(arguments.orders)}
    deployed = PoolSettings(pool.id, pool.nodes, pool.slots_per_node)
    image = NodeImage(environment, warmth=WARMTH)
    asyncio.run(_serve(BatchService(arguments.state, port=arguments.port, pools=(deployed,), image=image)))


async def _serve(service: BatchService) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await service.start()
    try:
        print("Batch service listening on", service.url, flush=True)
        await stop.wait()
    finally:
        await service.close()


if __name__ == "__main__":
    main()
