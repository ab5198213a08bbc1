"""Which ports the stack listens on: those of its last run, else the usual ones, else any that are free."""

import contextlib
import logging
import random
import socket
from collections.abc import Mapping

from local.errors import PortError

_log = logging.getLogger(__name__)
ADDRESS = "127.0.0.1"
# Below those that systems give to outgoing connections (Linux: from 32768, macOS: from 49152): one of these would be
# taken, now and then, between its choice and its use.
FREE = range(20_000, 32_768)
TRIES = 50


def choose_ports(
    usual: Mapping[str, int], remembered: Mapping[str, int], required: Mapping[str, int] | None = None
) -> dict[str, int]:
    """A port per name of `usual`, where 0 means any free one; `required` ones are taken or raise PortError.

    A remembered port that is taken is said aloud: addresses kept in the state (SAS URLs of unfinished jobs) name it.
    """
    required = required or {}
    chosen: dict[str, int] = {}
    with contextlib.ExitStack() as held:  # held until all are chosen, so that no two are the same
        for name in usual:
            if name in required:
                chosen[name] = _first_free([required[name]], held)
                if not chosen[name]:
                    raise PortError(f"port {required[name]} for {name} is taken: free it, or give another port")
                continue
            known = [port for port in (remembered.get(name), usual[name]) if port]
            chosen[name] = _first_free([*known, *random.sample(FREE, TRIES), 0], held)
            _warn_if_moved(name, chosen[name], remembered.get(name))
    return chosen


def _warn_if_moved(name: str, port: int, remembered: int | None) -> None:
    if remembered is not None and port != remembered:
        _log.warning(
            "port %d, used for %s so far, is taken: using %d. Addresses of unfinished jobs still name the old port; "
            "free it and restart if a job cannot reach its files.",
            remembered,
            name,
            port,
        )


def _first_free(ports: list[int], held: contextlib.ExitStack) -> int:
    """The first port that can be bound (for 0: the one given), which stays bound by `held`; 0 when there is none."""
    for port in ports:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: waiting connections are no user
        try:
            listener.bind((ADDRESS, port))
            listener.listen()  # with SO_REUSEADDR only listening makes a port one's own
        except OSError:
            listener.close()
            continue
        held.callback(listener.close)
        return listener.getsockname()[1]
    return 0
