"""Follow a job until it has ended."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from client.errors import AppError, Unreachable
from client.job_state import JobState

POLL_SECONDS = 1.0
# An app that restarts or scales is silent for a while; a job does not end because of it.
PATIENCE_SECONDS = 120.0
# Frames per second are told over this much of the recent past.
RATE_SECONDS = 15.0


@dataclass(frozen=True)
class Observation:
    """One look at a job; `rate` is frames per second, None until two looks have seen frames."""

    state: JobState
    rate: float | None
    elapsed: float


class Reporter(Protocol):
    def show(self, observation: Observation) -> None: ...
    def silent(self, seconds: float) -> None: ...


@dataclass
class Stopwatch:
    """Wall seconds that each phase was seen to last, and the recent frame rate. Precise to one poll."""

    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)
    _frames: deque[tuple[float, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._began = self._seen = self.clock()
        self._phase = "starting"

    def observe(self, state: JobState) -> Observation:
        now = self.clock()
        self.seconds[self._phase] = self.seconds.get(self._phase, 0.0) + now - self._seen
        self._seen = now
        if state.status is not None:
            self._phase = state.status.phase
            self._frames.append((now, state.status.frames_done))
        while len(self._frames) > 2 and now - self._frames[0][0] > RATE_SECONDS:
            self._frames.popleft()
        return Observation(state, self._rate(), now - self._began)

    def _rate(self) -> float | None:
        if len(self._frames) < 2:
            return None
        (began, first), (ended, last) = self._frames[0], self._frames[-1]
        return (last - first) / (ended - began) if last > first and ended > began else None


def follow(look: Callable[[], JobState], reporter: Reporter, stopwatch: Stopwatch) -> JobState:
    """Call `look` until the job has ended, telling `reporter` of every look.

    Raises:
        Unreachable, AppError: the app has been silent, or failing, for PATIENCE_SECONDS.
    """
    silent_since: float | None = None
    while True:
        try:
            state = look()
        except (Unreachable, AppError) as error:
            if isinstance(error, AppError) and error.status < 500 and error.status != 429:
                raise
            now = stopwatch.clock()
            silent_since = silent_since if silent_since is not None else now
            if now - silent_since > PATIENCE_SECONDS:
                raise
            reporter.silent(now - silent_since)
        else:
            silent_since = None
            reporter.show(stopwatch.observe(state))
            if state.has_ended:
                return state
        time.sleep(POLL_SECONDS)
