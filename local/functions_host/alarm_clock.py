"""One thread that calls functions at given times, however many wait (the stock backend spends a thread per timer)."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class AlarmClock:
    """Calls each function once, at or just after its time, on the clock's own thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._alarms: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="durable-timers", daemon=True)

    def start(self) -> None:
        """Start the thread; alarms set before ring from here on."""
        self._thread.start()

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Call `call` at `when` (seconds since the epoch)."""
        with self._changed:
            heapq.heappush(self._alarms, (when, next(self._order), call))
            self._changed.notify()

    def stop(self) -> None:
        """End the thread; alarms that have not rung never will."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            except Exception:  # one bad alarm must not silence the others
                log.exception("a durable timer failed")

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._stopped:
                wait = self._alarms[0][0] - time.time() if self._alarms else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._alarms)[2]
                # An hour at most: the wall clock may be set while the thread sleeps.
                self._changed.wait(None if wait is None else min(wait, 3600.0))
        return None
