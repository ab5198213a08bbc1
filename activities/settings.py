"""The app's settings, read once from the environment."""

import os
from functools import cache

from contracts.settings import Settings


@cache
def settings() -> Settings:
    return Settings.from_environ(os.environ)
