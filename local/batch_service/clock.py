"""Simulated time, for what Azure does in minutes: booting nodes, sampling, autoscale intervals."""

import asyncio
import time


class Clock:
    """Runs `scale` times as fast as the wall clock."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale

    def now(self) -> float:
        """Seconds since an arbitrary moment."""
        return time.monotonic() * self._scale

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._scale)
