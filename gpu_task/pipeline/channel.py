"""A bounded queue from one stage to the next; stages that wait on one wake as soon as any stage has failed."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator


class StoppedError(Exception):
    """Another stage has failed: this one is to end. Never the reason that a task reports."""


class Joint:
    """What the stages of one pipeline share: a lock to wait on, and the first error of any of them.

    One lock for all channels: a stage that waits for room in one is woken by what happens in another.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """Ends all stages. The first error stands; what follows from it is not looked at."""
        with self.changed:
            if self.error is None and not isinstance(error, StoppedError):
                self.error = error
            self.changed.notify_all()


class Channel[T]:
    """Up to `limit` items on their way between two threads, one that puts and one that takes, in order.

    `starved` and `blocked` are the seconds that the taker waited for an item and the putter for room.
    """

    def __init__(self, joint: Joint, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit: {limit}; a channel holds at least 1 item")
        self.limit = limit
        self.starved = 0.0
        self.blocked = 0.0
        self._joint = joint
        self._items: deque[T] = deque()
        self._ended = False

    def put(self, item: T) -> None:
        """Waits while the channel is full.

        Raises:
            StoppedError: a stage has failed.
        """
        with self._joint.changed:
            if len(self._items) >= self.limit:
                self.blocked += self._wait(lambda: len(self._items) < self.limit)
            self._go_on()
            self._items.append(item)
            self._joint.changed.notify_all()

    def end(self) -> None:
        """No more items will come."""
        with self._joint.changed:
            self._ended = True
            self._joint.changed.notify_all()

    def take(self) -> T | None:
        """The next item; waits for it. None at the end.

        Raises:
            StoppedError: a stage has failed, though items may be left.
        """
        with self._joint.changed:
            if not self._items and not self._ended:
                self.starved += self._wait(lambda: bool(self._items) or self._ended)
            return self._taken()

    def take_ready(self) -> T | None:
        """The next item if it is there already, else None.

        Raises:
            StoppedError: a stage has failed.
        """
        with self._joint.changed:
            return self._taken()

    def __iter__(self) -> Iterator[T]:
        while (item := self.take()) is not None:
            yield item

    def _taken(self) -> T | None:
        self._go_on()
        if not self._items:
            return None
        item = self._items.popleft()
        self._joint.changed.notify_all()
        return item

    def _wait(self, ready: Callable[[], bool]) -> float:
        start = time.perf_counter()
        self._joint.changed.wait_for(lambda: self._joint.error is not None or ready())
        return time.perf_counter() - start

    def _go_on(self) -> None:
        if self._joint.error is not None:
            raise StoppedError
