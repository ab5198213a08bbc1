"""Runs the Batch service alone: python -m local.batch_service --state DIR. Prints its URL; the key is in the folder."""

import argparse
import asyncio
import signal
from pathlib import Path

from local.batch_service.service import BatchService


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.batch_service", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder that survives restarts")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    arguments = parser.parse_args()
    asyncio.run(_serve(BatchService(arguments.state, port=arguments.port)))


async def _serve(service: BatchService) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await service.start()
    try:
        print(service.url, flush=True)
        await stop.wait()
    finally:
        await service.close()


if __name__ == "__main__":
    main()
