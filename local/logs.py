"""Logs of the stack: to standard error for whoever watches, to a file in the state folder for later."""

import logging
import logging.handlers
import sys
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_MAX_BYTES = 10_000_000
_FILES = 3
# The SDKs write a line or more per request, which nobody running the stack needs.
_CHATTY = ("azure", "asyncio")


def log_to(folder: Path | None, level: str) -> None:
    """Everything at `level` and above goes to standard error, and to <folder>/stack.log when there is a folder."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "stack.log"
        handlers.append(logging.handlers.RotatingFileHandler(path, maxBytes=_MAX_BYTES, backupCount=_FILES - 1))
    logging.basicConfig(level=level, format=_FORMAT, handlers=handlers)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
