"""What a worker process and its parent tell each other. Pixels go through `gpu_task.pipeline.slots`."""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from contracts.task_spec import Destinations, ScoreSpec
from gpu_task.failures import HopelessError
from gpu_task.scorers.protocol import Scorer
from media.errors import UnsupportedMedia

# A worker sends what it logged along with its answers, so that it stands in the task's log: (level, logger, text).
type LogLines = list[tuple[int, str, str]]


@dataclass(frozen=True)
class Setup:
    """The first word to a worker: make the scorer of `spec` (see `for_worker`), for frames of `width` x `height`."""

    spec: ScoreSpec
    make: Callable[[ScoreSpec], Scorer]
    width: int
    height: int


@dataclass(frozen=True)
class Ready:
    """Its answer: what its scorer says of itself."""

    batch_size: int
    in_flight: int
    device: str
    peak_memory_bytes: int
    log: LogLines


@dataclass(frozen=True)
class ScoreSlot:
    """The first `count` frames of batch `slot` are to be scored, in place. Before the first of these the shape of the
    shared memory is sent: [slots, B, H, W, 3]."""

    slot: int
    count: int


@dataclass(frozen=True)
class Done:
    """A slot's frames are scored."""

    slot: int
    peak_memory_bytes: int
    log: LogLines


@dataclass(frozen=True)
class Raised:
    """The scorer raised, for `slot` or (None) at its start. `hopeless`: trying again cannot help."""

    slot: int | None
    kind: str
    text: str
    hopeless: bool
    errno: int | None
    traceback: str
    log: LogLines

    @classmethod
    def of(cls, error: Exception, slot: int | None, log: LogLines) -> "Raised":
        return cls(
            slot=slot,
            kind=type(error).__name__,
            text=str(error),
            hopeless=isinstance(error, HopelessError | UnsupportedMedia),
            errno=getattr(error, "errno", None),
            traceback="".join(traceback.format_exception(error)),
            log=log,
        )


def for_worker(spec: ScoreSpec) -> ScoreSpec:
    """`spec` without what a scorer has no use for: where the source is and where the task writes, with their SAS, and
    the token of its results. The model's URL stays."""
    nowhere = Destinations(output="", log="", timings="", progress="", results_queue="")
    return spec.model_copy(
        update={
            "source": spec.source.model_copy(update={"url": ""}),
            "identity": spec.identity.model_copy(update={"token": None}),
            "to": nowhere,
        }
    )


class KeptLog(logging.Handler):
    """Keeps what is logged until it is sent."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: LogLines = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append((record.levelno, record.name, self.format(record)))

    def take(self) -> LogLines:
        lines, self._lines = self._lines, []
        return lines
