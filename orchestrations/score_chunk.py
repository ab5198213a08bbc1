"""Sub-orchestration `score_chunk`: one chunk, from its first submission to verified segments.

One bad frame costs one frame. A task that meets frames it cannot decode or score names them; where it does not, the
chunk that keeps failing is halved, down to the single frame that breaks it. What then becomes of such a frame is the
job's choice: it fails the job, or another task of the same work holds it or passes it through.
"""

import math
from datetime import datetime
from functools import partial
from typing import Any

from durabletask.task import OrchestrationContext

from contracts import layout
from contracts.steps import BadCount, ChunkInput, ChunkReport, RunRef
from orchestrations.burial import bury
from orchestrations.calling import JobFailed, Step, reported
from orchestrations.gpu_task import Effort, GpuWork, Mailbox, do_gpu_work
from orchestrations.pieces import GivenUp, Piece, Pieces

# Failures in a row, beyond those that the search for one frame takes, after which it is not the frames that are bad.
SYSTEMIC_FAILURES = 6


def score_chunk(ctx: OrchestrationContext, payload: dict[str, Any]) -> Step[dict[str, Any]]:
    """Returns a ChunkReport; a chunk that cannot be scored is reported, not raised: its parent decides."""
    scoring = ChunkScoring(ctx, ChunkInput.model_validate(payload))
    return (yield from reported(ChunkReport, scoring.score()))


class ChunkScoring:
    """Works off the pieces of one chunk, in frame order; at first the chunk is one piece."""

    def __init__(self, ctx: OrchestrationContext, chunk: ChunkInput) -> None:
        self._ctx, self._chunk = ctx, chunk
        self._mailbox = Mailbox(ctx)
        self._pieces = Pieces(chunk.policy)
        self._total = ChunkReport(ok=True)
        self._tasks = self._failed_in_a_row = self._halvings = 0
        self._first_failed: datetime | None = None

    def score(self) -> Step[ChunkReport]:
        try:
            return (yield from self._work_off())
        except JobFailed as failure:
            raise JobFailed(str(failure), self._total) from failure

    def _work_off(self) -> Step[ChunkReport]:
        todo = [Piece(self._pieces.policy.max_attempts)]
        while todo:
            piece = todo.pop(0)
            effort = yield from do_gpu_work(self._ctx, self._mailbox, self._work(piece), self._chunk.policy)
            self._count(piece, effort)
            if effort.state == "ended":
                return self._report("the run was ended")
            if effort.state == "partial":
                todo = [*map(self._pieces.fresh, effort.submitted.missing), *todo]
            if effort.state == "failed":
                try:
                    self._require_progress(effort)
                    todo = [*self._pieces.after_failure(piece, effort), *todo]
                except GivenUp as given_up:
                    return self._report((yield from self._bury(effort, given_up)))
        return self._report(None)

    def _work(self, piece: Piece) -> GpuWork:
        return GpuWork(
            run=RunRef.of(self._chunk),
            chunk=self._chunk.chunk,
            submit="submit_chunk",
            verify="verify_chunk",
            task_name=partial(layout.chunk_task, self._chunk.chunk, piece.span),
            attempts=range(piece.next_attempt, piece.next_attempt + piece.tries),
            piece=piece.span,
            replacement=piece.replacement,
            bad_reason=piece.bad_reason,
        )

    def _count(self, piece: Piece, effort: Effort) -> None:
        found = effort.verdict or effort.submitted
        self._tasks += effort.tasks
        self._total = ChunkReport(
            ok=True,
            frames=self._total.frames + found.frames,
            retries=max(0, self._tasks - 1),
            seconds=self._total.seconds + effort.seconds,
            wasted_seconds=self._total.wasted_seconds + effort.wasted_seconds,
            **BadCount.fields_of(self._total, found),
        )
        if effort.failures and self._first_failed is None:
            self._first_failed = effort.failures[0].at
        if effort.state == "failed":
            self._failed_in_a_row += 1
        elif piece.scores_something:
            self._failed_in_a_row = 0

    def _require_progress(self, effort: Effort) -> None:
        """Where not one frame can be scored it is not the frames: going on to the last of them would waste a fortune.

        Raises:
            GivenUp
        """
        first, last = effort.submitted.span or (0, 0)
        self._halvings = max(self._halvings, math.ceil(math.log2(last - first + 1)))
        if self._failed_in_a_row > self._halvings + SYSTEMIC_FAILURES:
            raise GivenUp(f"piece after piece fails, so it is not single frames that are bad: {effort.reason}")

    def _bury(self, effort: Effort, given_up: GivenUp) -> Step[str]:
        return bury(self._ctx, effort, str(given_up), given_up.bad_frames, self._first_failed)

    def _report(self, problem: str | None) -> ChunkReport:
        if problem is None:
            return self._total
        return self._total.model_copy(update={"ok": False, "reason": problem[:4_000]})
