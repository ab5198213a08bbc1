"""Errors of the local stack; each message says what to do.

LocalStackError
├── AzuriteError        Azurite is not installed, does not start or dies again and again
├── StateFolderError    the state folder is in use or damaged
└── PortError           the port asked for is taken
"""


class LocalStackError(Exception):
    """The local stack cannot start or go on."""


class AzuriteError(LocalStackError):
    """Azurite is not installed, does not start or dies again and again."""


class StateFolderError(LocalStackError):
    """The state folder is in use or damaged."""


class PortError(LocalStackError):
    """The port asked for is taken."""
