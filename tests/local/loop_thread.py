"""An event loop on a thread of its own, for asynchronous parts that synchronous tests use."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self

PATIENCE_SECONDS = 60.0


class LoopThread:
    """A context manager; `run` works inside."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run[Result](self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)
