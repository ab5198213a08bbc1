"""The version of the code, for provenance: a hash of the deployed sources, so it needs no git and no build."""

import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("contracts", "media", "activities", "orchestrations", "triggers")


@cache
def code_version() -> str:
    """The first 12 hex digits of SHA-256 over the app's Python sources, by path."""
    seen = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            seen.update(file.relative_to(ROOT).as_posix().encode())
            seen.update(file.read_bytes())
    return seen.hexdigest()[:12]
