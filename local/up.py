"""`python -m local up`: the stack until Ctrl-C."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from local.app_settings import PoolSize
from local.batch_service import StateError
from local.errors import LocalStackError
from local.functions_host.errors import HostError
from local.logs import log_to
from local.stack import REPOSITORY, Stack, StackSettings

_log = logging.getLogger(__name__)


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("up", help="run the local stack until Ctrl-C", description=__doc__)
    parser.add_argument("--nodes", type=_positive, default=2, metavar="N", help="nodes of the Batch pool (default: 2)")
    parser.add_argument(
        "--slots", type=_positive, default=1, metavar="N", help="tasks a node runs at once (default: 1)"
    )
    parser.add_argument(
        "--port", type=int, help="of the Functions host (default: 7071, or a free one; 0: free ones for all)"
    )
    parser.add_argument("--state", type=Path, default=Path(".local"), help="folder kept between runs (default: .local)")
    parser.add_argument("--require-keys", action="store_true", help="functions answer 401 without a key, as in Azure")
    parser.add_argument(
        "--identity",
        action="store_true",
        help="no keys, as in Azure: HTTPS, a managed identity's tokens, user-delegation SAS; "
        "programs here become that identity by STATE/identity.env",
    )
    parser.add_argument(
        "--cold-nodes", action="store_true", help="every task starts its own Python, as in Azure (default: forked)"
    )
    parser.add_argument(
        "--set", type=_setting, action="append", default=[], dest="extra", metavar="NAME=VALUE", help="an app setting"
    )
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    parser.add_argument("--app", type=Path, default=REPOSITORY, help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 after SIGINT or SIGTERM, 1 when the stack cannot start or go on."""
    settings = StackSettings(
        app=arguments.app,
        state=arguments.state,
        pool=PoolSize(nodes=arguments.nodes, slots_per_node=arguments.slots),
        port=arguments.port,
        require_keys=arguments.require_keys,
        cold_nodes=arguments.cold_nodes,
        identity=arguments.identity,
        extra=dict(arguments.extra),
    )
    log_to(settings.state / "logs", arguments.log_level)
    stack = Stack(settings)
    status = 0
    try:
        asyncio.run(_serve(stack))
    except (LocalStackError, StateError, HostError) as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    if abandoned := stack.abandoned:
        _log.warning("abandoned, still running: %s", ", ".join(abandoned))
        logging.shutdown()
        os._exit(status)  # a thread cannot be ended, and the interpreter would wait for it
    return status


async def _serve(stack: Stack) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stop)
    output, sys.stdout = sys.stdout, sys.stderr  # functions may print; standard output carries one line only
    async with stack:
        print(f"Atelier is up: {stack.endpoints}", file=output, flush=True)
        stopping, failing = asyncio.create_task(stop.wait()), asyncio.create_task(stack.failure())
        done, pending = await asyncio.wait({stopping, failing}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            task.result()
        _log.info("stopping")
    _log.info("stopped")


def _stop(stop: asyncio.Event) -> None:
    """The first signal stops tidily; a second one at once: the watchdogs end the children."""
    if stop.is_set():
        _log.warning("stopping at once")
        logging.shutdown()
        os._exit(1)
    stop.set()
