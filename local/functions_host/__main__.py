"""Run one app folder: `python -m local.functions_host --root DIR --port N --state DIR`."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from datetime import timedelta

from local.functions_host.errors import HostError
from local.functions_host.host import GRACE_S, Host
from local.functions_host.logs import quiet_libraries
from local.functions_host.retention import Retention


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.functions_host", description=__doc__)
    parser.add_argument("--root", default=".", help="the app folder: function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free port (default: %(default)s)")
    parser.add_argument("--state", default=".local/functions_host", help="folder of the task hub and the keys")
    parser.add_argument("--require-keys", action="store_true", help="answer 401 without a key, as Azure does")
    parser.add_argument("--keep-finished", type=int, default=500, help="finished orchestrations to keep")
    parser.add_argument("--keep-hours", type=float, help="forget finished orchestrations older than this")
    parser.add_argument("--grace", type=float, default=GRACE_S, help="seconds running functions get on shutdown")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> Host:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    age = None if arguments.keep_hours is None else timedelta(hours=arguments.keep_hours)
    host = Host(
        arguments.root,
        arguments.port,
        arguments.state,
        arguments.require_keys,
        retention=Retention(arguments.keep_finished, age),
        grace_s=arguments.grace,
    )
    await host.start()
    for function in sorted(host.app.functions.values(), key=lambda one: one.name):
        print(f"  {function.name}: {function.trigger['type']}")
    print(f"Functions host listening on {host.url}", flush=True)
    await stop.wait()
    await host.close()
    return host


def main() -> int:
    """Serve until SIGINT or SIGTERM. Exit status 0; 1 when the app cannot be run."""
    arguments = _arguments()
    logging.basicConfig(level=arguments.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if arguments.log_level != "DEBUG":
        quiet_libraries()
    try:
        host = asyncio.run(_serve(arguments))
    except HostError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if late := host.app.running:
        print(f"still running after {arguments.grace:.0f} s, abandoned: {', '.join(late)}", file=sys.stderr, flush=True)
        os._exit(0)  # a thread cannot be ended, and the interpreter would wait for it
    return 0


if __name__ == "__main__":
    sys.exit(main())
