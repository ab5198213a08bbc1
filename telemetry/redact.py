"""Takes secrets out of what is exported. None should come here; a URL in an error's text is how one might."""

import re
from collections.abc import Mapping

_SECRETS = re.compile(r"(?i)(\bsig(?:=|%3D)|AccountKey=|SharedAccessSignature=|[?&]code=)[^&;\s\"'<>)\]]+")
# A reason of 4,000 characters is a job's; nobody reads more of it on a span.
MAX_CHARACTERS = 1_000

type Value = str | bool | int | float


def redact(text: str) -> str:
    return _SECRETS.sub(r"\1REDACTED", text)


def clean(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    """What may leave: nothing that is None, text without secrets and not endless."""
    return {
        key: redact(value[: 2 * MAX_CHARACTERS])[:MAX_CHARACTERS] if isinstance(value, str) else value
        for key, value in attributes.items()
        if value is not None
    }
