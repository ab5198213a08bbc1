"""A dead letter: a message, or a piece of GPU work, that was given up, kept with all that is known of why."""

from contracts.frame_runs import FrameRun
from contracts.model import Contract


class DeadLetter(Contract):
    """Blob `deadletter/<queue>/<entry>.json`. Times are ISO 8601, UTC. Carries no SAS: messages have none.

    `body` is the message as text, or `body_base64` where it is no UTF-8. `job`, `chunk`, `piece` and `attempt` are what
    a readable body is about; `bad_frames` the frames that broke the chunk, where they are known.
    """

    queue: str
    entry: str
    reason: str
    body: str | None = None
    body_base64: str | None = None
    dequeue_count: int = 0
    job: str | None = None
    run: int | None = None
    chunk: int | None = None
    piece: FrameRun | None = None
    attempt: int | None = None
    bad_frames: tuple[FrameRun, ...] = ()
    first_failed: str
    last_failed: str


class Failures(Contract):
    """How often something failed, between when (ISO 8601, UTC), and what was said the last time."""

    first: str
    last: str
    count: int
    reason: str
