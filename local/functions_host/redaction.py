"""Keep secrets out of logs and messages: SAS signatures, account keys, host keys in a query string."""

import logging
import re

_SECRETS = re.compile(r"(?i)(\bsig=|AccountKey=|SharedAccessSignature=|[?&]code=)[^&;\s\"'<>)\]]+")


def redact(text: str) -> str:
    """`text` with the value of every `sig=`, `AccountKey=`, `SharedAccessSignature=` and `?code=` replaced."""
    return _SECRETS.sub(r"\1REDACTED", text)


class RedactingFilter(logging.Filter):
    """Rewrites records, message and traceback, of loggers that print what a function raised."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


class DropReported(logging.Filter):
    """The runtime logs failed invocations and imports, raw; the host reports both itself, redacted."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = str(record.msg)
        return text not in ("Native invocation failed", "Error: %s, %s") and not text.startswith("Error when indexing")


_REDACTING = RedactingFilter()
_DROPPING = DropReported()


def install_filters() -> None:
    """Put the filters on the library loggers that see function errors. Idempotent: addFilter ignores repeats."""
    logging.getLogger("azure.functions").addFilter(_DROPPING)
    for name in ("azure.functions", "azure.durable_functions.worker", "azure.durable_functions.client"):
        logging.getLogger(name).addFilter(_REDACTING)
