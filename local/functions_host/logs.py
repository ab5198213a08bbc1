"""Levels for libraries whose every step is an INFO line."""

import logging

_CHATTY = (
    "azure.core.pipeline.policies.http_logging_policy",
    "azure.durable_functions",
    "azure.identity",
    "durabletask",
)


def quiet_libraries(level: int = logging.WARNING) -> None:
    """Let the libraries below the host log from `level` up."""
    for name in _CHATTY:
        logging.getLogger(name).setLevel(level)
