"""Takes secrets out of text before it is logged or reported: the signature of a SAS is all one needs to use it."""

import re

# `sig` is the SAS signature; `se`, `sp` and the rest only say what it allows, and help to see why it was refused.
_SIGNATURE = re.compile(r"(?i)\b(sig=)[^&\s\"'<>)]+")
_ACCOUNT_KEY = re.compile(r"(?i)\b(AccountKey=)[^;\s\"']+")


def redact(text: str) -> str:
    return _ACCOUNT_KEY.sub(r"\1REDACTED", _SIGNATURE.sub(r"\1REDACTED", text))
