"""What becomes of a piece of a chunk that failed: halved, done again without its bad frames, or given up."""

from dataclasses import dataclass

from contracts import frame_runs
from contracts.frame_runs import FrameRun
from contracts.ledger import MAX_BAD_REASON_CHARACTERS
from contracts.steps import Policy
from contracts.task_spec import Replacement
from orchestrations.gpu_task import Effort


class GivenUp(Exception):
    """The piece cannot be scored; the message is the reason the job's user reads. `bad_frames` where they are known."""

    def __init__(self, reason: str, bad_frames: tuple[FrameRun, ...] = ()) -> None:
        self.bad_frames = bad_frames
        super().__init__(reason)


@dataclass(frozen=True)
class Piece:
    """Frames that one task shall turn into one segment; `span` None is the whole chunk.

    `tries` are the attempts it gets, the first of them numbered `next_attempt`.
    """

    tries: int
    span: FrameRun | None = None
    next_attempt: int = 1
    replacement: Replacement | None = None
    bad_reason: str | None = None

    @property
    def scores_something(self) -> bool:
        """False for a piece of which every frame is replaced."""
        if self.span is None or self.replacement is None:
            return True
        return bool(frame_runs.without(self.span, self.replacement.frames))


class Pieces:
    """The pieces of one chunk, and the frames of it that are known to be bad."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.bad: tuple[FrameRun, ...] = ()

    def fresh(self, span: FrameRun) -> Piece:
        """A part of the chunk; only the single frame, which is to be judged, gets every attempt."""
        return Piece(self.policy.max_attempts if span[0] == span[1] else 1, span)

    def after_failure(self, piece: Piece, effort: Effort) -> list[Piece]:
        """What to do instead, in frame order.

        Raises:
            GivenUp: nothing helps, or the job's policy forbids it.
        """
        failure, span = effort.failures[-1], effort.submitted.span
        if failure.cause in ("job", "node") or span is None:
            raise GivenUp(effort.reason, failure.bad_frames)
        known = piece.replacement.frames if piece.replacement else ()
        named = frame_runs.within(failure.bad_frames, *span) if failure.cause == "frame" else ()
        fresh = frame_runs.merged(part for run in named for part in frame_runs.without(run, known))
        if not fresh and span[0] < span[1]:
            return self._halves(span, piece)
        if not fresh and piece.replacement is not None:
            raise GivenUp(f"{frame_runs.words([span])} could not be replaced either: {effort.reason}", (span,))
        return [self._without(piece, span, fresh or (span,), effort)]

    def _halves(self, span: FrameRun, piece: Piece) -> list[Piece]:
        middle = (span[0] + span[1]) // 2
        halves = [self.fresh((span[0], middle)), self.fresh((middle + 1, span[1]))]
        return [self._carrying(half, piece) for half in halves]

    def _carrying(self, half: Piece, whole: Piece) -> Piece:
        """`half` with its share of the frames that `whole` was to replace."""
        assert half.span is not None
        frames = frame_runs.within(whole.replacement.frames, *half.span) if whole.replacement else ()
        if not frames:
            return half
        return Piece(self.policy.max_attempts, half.span, 1, self._replacement(frames, half.span), whole.bad_reason)

    def _without(self, piece: Piece, span: FrameRun, bad: tuple[FrameRun, ...], effort: Effort) -> Piece:
        """The same work again, with `bad` and what was known before not scored."""
        self.bad = frame_runs.merged([*self.bad, *bad])
        why = effort.failures[-1].reason
        self._require_allowed(why)
        known = piece.replacement.frames if piece.replacement else ()
        frames = frame_runs.merged([*known, *bad])
        return Piece(
            tries=self.policy.max_attempts,
            span=piece.span,
            next_attempt=effort.failures[-1].task.attempt + 1,
            replacement=self._replacement(frames, span),
            bad_reason=(piece.bad_reason or why)[:MAX_BAD_REASON_CHARACTERS],
        )

    def _replacement(self, frames: tuple[FrameRun, ...], span: FrameRun) -> Replacement:
        avoid = tuple(part for run in self.bad for part in frame_runs.without(run, [span]))
        by = "source" if self.policy.on_bad_frame == "source" else "hold"
        return Replacement(frames=frames, by=by, avoid=avoid)

    def _require_allowed(self, why: str) -> None:
        """Raises: GivenUp where the job's options do not allow so many bad frames."""
        policy, named = self.policy, frame_runs.words(self.bad)
        if policy.on_bad_frame == "fail":
            remedy = "on_bad_frame 'hold' or 'source' would let the job finish without them"
            raise GivenUp(f"{named} cannot be scored: {why}; {remedy}", self.bad)
        if (count := frame_runs.count(self.bad)) > policy.max_bad_frames:
            limit = f"{count} bad frames are more than max_bad_frames, {policy.max_bad_frames}"
            raise GivenUp(f"{named} cannot be scored, and {limit}: {why}", self.bad)
        if (longest := max(last - first + 1 for first, last in self.bad)) > policy.max_bad_run:
            limit = f"{longest} bad frames one after the other are more than max_bad_run, {policy.max_bad_run}"
            raise GivenUp(f"{named} cannot be scored, and {limit}: {why}", self.bad)
