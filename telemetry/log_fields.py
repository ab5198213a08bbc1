"""What a log record is about: `job`, `run`, `chunk` and `task` as fields of every record, whoever writes it.

They follow the work through a context variable, and a record factory puts them on the record: handlers that keep
fields (Azure Monitor's, the local stack's JSON lines) have them, and messages stay what they are.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

FIELDS = ("job", "run", "chunk", "task")

_about: ContextVar[dict[str, Any] | None] = ContextVar("about", default=None)


@contextmanager
def about(subject: object) -> Generator[None]:
    """Within the block every record says what `subject` says of itself: those of its attributes that are `FIELDS`."""
    known = {name: value for name in FIELDS if (value := getattr(subject, name, None)) is not None}
    token = _about.set(known)
    try:
        yield
    finally:
        _about.reset(token)


def install() -> None:
    """Have every record of this process carry the fields. Again is harmless."""
    made = logging.getLogRecordFactory()
    if getattr(made, "carries_fields", False):
        return

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = made(*args, **kwargs)
        if known := _about.get():
            for name, value in known.items():
                record.__dict__.setdefault(name, value)
        return record

    make.carries_fields = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make)
