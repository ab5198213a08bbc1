"""Logs of the stack: to standard error for whoever watches, to files in the state folder for later.

`stack.log` is for people; `stack.jsonl` has the same records with whatever fields they carry, one JSON object a line.
"""

import json
import logging
import logging.handlers
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_MAX_BYTES = 10_000_000
_FILES = 3
# The SDKs write a line or more per request, which nobody running the stack needs.
_CHATTY = ("azure", "asyncio")
# What every record has; all else on one was put there to be kept.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """`time` (UTC, ISO 8601), `level`, `logger`, `message`, `error` (a traceback), and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info or record.exc_text:
            line["error"] = record.exc_text or self.formatException(record.exc_info or (None, None, None))
        line |= {name: value for name, value in vars(record).items() if name not in _USUAL and name not in line}
        return json.dumps(line, default=str, ensure_ascii=False)

    def formatTime(  # noqa: N802 - logging's own name
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def log_to(folder: Path | None, level: str) -> None:
    """Everything at `level` and above goes to standard error, and to both files when there is a folder."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        handlers += [_file(folder / "stack.log"), _file(folder / "stack.jsonl", JsonLines())]
    logging.basicConfig(level=level, format=_FORMAT, handlers=handlers)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _file(path: Path, formatter: logging.Formatter | None = None) -> logging.Handler:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_MAX_BYTES, backupCount=_FILES - 1, encoding="utf-8")
    if formatter is not None:  # else the one that all handlers share
        handler.setFormatter(formatter)
    return handler
