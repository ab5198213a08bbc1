"""What can go wrong in the host.

HostError
├── AppLoadError            function_app.py is missing, does not import, or uses a binding this host does not run
├── HostFileError           host.json, local.settings.json, the key file or the task hub cannot be read
├── ConnectionSettingError  a binding names a storage connection that no setting defines
└── InvocationError         the function itself raised; carries its traceback
"""


class HostError(Exception):
    """Base of everything the host raises on purpose."""


class AppLoadError(HostError):
    """The app folder cannot be run; the message names the file and the cause."""


class HostFileError(HostError):
    """A file of the host or of its state cannot be used; the message names it, the cause and the remedy."""


class ConnectionSettingError(HostError):
    """No setting defines the storage connection a binding names."""


class InvocationError(HostError):
    """A function raised.

    Attributes: `function` its name, `summary` the exception's repr, `trace` its formatted traceback. All three are
    free of SAS signatures and account keys.
    """

    def __init__(self, function: str, summary: str, trace: str = "") -> None:
        super().__init__(f"{function}: {summary}")
        self.function = function
        self.summary = summary
        self.trace = trace
