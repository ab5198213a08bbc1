"""Threads that work together and stop together."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from gpu_task.pipeline.channel import Channel, Joint


class Stages:
    """Runs stages in threads of their own, beside the one that the block runs in.

    ```
    with Stages() as stages:
        numbers: Channel[int] = stages.channel(2)
        stages.run("count", lambda: count(numbers), numbers)
        for number in numbers: ...
    ```
    The block is a stage too. Leaving it waits for all threads: none outlives it. Where a stage raises, all others are
    stopped at the next item that they take or put, and the error of the first to raise leaves the block; what the
    others raise for being stopped is dropped.
    """

    def __init__(self) -> None:
        self._joint = Joint()
        self._threads: list[threading.Thread] = []

    def channel(self, limit: int) -> Channel[Any]:
        """A queue between two of these stages that holds up to `limit` items."""
        return Channel(self._joint, limit)

    def run(self, name: str, stage: Callable[[], None], output: Channel[Any] | None = None) -> None:
        """Starts `stage` in a thread called `name`; `output` ends when it returns."""
        thread = threading.Thread(target=self._guarded, args=(stage, output), name=name)
        thread.start()
        self._threads.append(thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._joint.fail(error)
        for thread in self._threads:
            thread.join()
        first = self._joint.error
        if first is not None and first is not error:
            context = first.__context__
            try:
                raise first
            finally:
                first.__context__ = context  # not the StoppedError that it caused

    def _guarded(self, stage: Callable[[], None], output: Channel[Any] | None) -> None:
        try:
            stage()
        except BaseException as error:  # noqa: BLE001 - raised again where the block ends
            self._joint.fail(error)
        else:
            if output is not None:
                output.end()
