"""The task's log: to stderr for whoever watches, and to a file that is uploaded when the task ends."""

import logging
import sys
from pathlib import Path

from gpu_task.redact import redact

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class RedactingFormatter(logging.Formatter):
    """Redacts the finished line, so that a traceback's text is covered too."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def start_log(path: Path, level: int = logging.INFO) -> logging.Handler:
    """Sends the root logger to stderr and `path`; returns the file's handler, to be flushed before it is uploaded."""
    file = logging.FileHandler(path, mode="w", encoding="utf-8")
    root = logging.getLogger()
    root.setLevel(level)
    for handler in (logging.StreamHandler(sys.stderr), file):
        handler.setFormatter(RedactingFormatter(FORMAT))
        root.addHandler(handler)
    # The SDK logs every request at INFO; at WARNING it speaks only of what went wrong.
    logging.getLogger("azure").setLevel(logging.WARNING)
    return file
