"""A bounded queue from one stage to the next; stages that wait on one wake as soon as any stage has failed."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator


class StoppedError(Exception):
    """Another stage has failed: this one is to end. Never the reason that a task reports."""


class Joint:
    """What the stages of one pipeline share: a lock, and the first error of any of them, which wakes all that wait."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.error: BaseException | None = None
        self._conditions: list[threading.Condition] = []

    def condition(self) -> threading.Condition:
        """Something to wait for, under the one lock; told of an error too."""
        self._conditions.append(threading.Condition(self.lock))
        return self._conditions[-1]

    def fail(self, error: BaseException) -> None:
        """Ends all stages. The first error stands; what follows from it is not looked at."""
        with self.lock:
            if self.error is None and not isinstance(error, StoppedError):
                self.error = error
            for condition in self._conditions:
                condition.notify_all()


class Channel[T]:
    """Up to `limit` items on their way between two threads, one that puts and one that takes, in order.

    `starved` and `blocked` are the seconds that the taker waited for an item and the putter for room. `first` and
    `last` are when the first and the last item was put, as `time.perf_counter()` has it (0.0: none was).
    """

    def __init__(self, joint: Joint, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit: {limit}; a channel holds at least 1 item")
        self.limit = limit
        self.starved = 0.0
        self.blocked = 0.0
        self.first = self.last = 0.0
        self._joint = joint
        # One each, so that an item wakes the one thread that it is for: on a single core every other costs its turn.
        self._room, self._there = joint.condition(), joint.condition()
        self._items: deque[T] = deque()
        self._ended = False

    def put(self, item: T) -> None:
        """Waits while the channel is full.

        Raises:
            StoppedError: a stage has failed.
        """
        with self._joint.lock:
            if len(self._items) >= self.limit:
                self.blocked += self._wait(self._room, lambda: len(self._items) < self.limit)
            self._go_on()
            self._items.append(item)
            self.last = time.perf_counter()
            self.first = self.first or self.last
            self._there.notify()

    def end(self) -> None:
        """No more items will come."""
        with self._joint.lock:
            self._ended = True
            self._there.notify()

    def take(self) -> T | None:
        """The next item; waits for it. None at the end.

        Raises:
            StoppedError: a stage has failed, though items may be left.
        """
        with self._joint.lock:
            if not self._items and not self._ended:
                self.starved += self._wait(self._there, lambda: bool(self._items) or self._ended)
            return self._taken()

    def take_ready(self) -> T | None:
        """The next item if it is there already, else None.

        Raises:
            StoppedError: a stage has failed.
        """
        with self._joint.lock:
            return self._taken()

    def __iter__(self) -> Iterator[T]:
        while (item := self.take()) is not None:
            yield item

    def _taken(self) -> T | None:
        self._go_on()
        if not self._items:
            return None
        item = self._items.popleft()
        self._room.notify()
        return item

    def _wait(self, condition: threading.Condition, ready: Callable[[], bool]) -> float:
        start = time.perf_counter()
        condition.wait_for(lambda: self._joint.error is not None or ready())
        return time.perf_counter() - start

    def _go_on(self) -> None:
        if self._joint.error is not None:
            raise StoppedError
