"""How orchestrations call their activities: by name, one contract in, one out, retries visible here."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any, cast

from durabletask.task import OrchestrationContext, RetryPolicy, Task, TaskFailedError

from contracts.model import Contract
from contracts.steps import ChunkReport, Refused

type Step[T] = Generator[Task[Any], Any, T]

# Storage and Batch answer "busy" for seconds at a time; five tries within about a minute ride that out. What cannot
# pass by itself is not retried: activities answer it with `Refused`.
RETRY = RetryPolicy(
    first_retry_interval=timedelta(seconds=2),
    max_number_of_attempts=5,
    backoff_coefficient=2.5,
    max_retry_interval=timedelta(seconds=30),
)


class JobFailed(Exception):
    """The job ends here; the message is the reason its user reads. `spent` is what the part that failed had used."""

    def __init__(self, reason: str, spent: ChunkReport | None = None) -> None:
        self.spent = spent or ChunkReport(ok=False, chunks=0)
        super().__init__(reason)


def call[T: Contract](ctx: OrchestrationContext, activity: str, payload: Contract, answer: type[T]) -> Step[T]:
    """Run `activity` to its end and return its answer.

    Raises:
        JobFailed: the activity refused the job, or failed every time.
    """
    try:
        returned: Any = yield ctx.call_activity(activity, input=payload.model_dump(mode="json"), retry_policy=RETRY)
    except TaskFailedError as failure:
        raise JobFailed(f"{activity} failed: {failure.details.error_type}: {failure.details.message}") from failure
    if "refused" in cast(dict[str, Any], returned):
        raise JobFailed(Refused.model_validate(returned).refused)
    return answer.model_validate(returned)


def reported[R: ChunkReport](kind: type[R], step: Step[R], chunks: int = 1) -> Step[dict[str, Any]]:
    """What a sub-orchestration returns: its `step`'s report, or why there is none; its parent decides what to do.

    `chunks` are those that a failure counts as done.
    """
    try:
        report = yield from step
    except JobFailed as failure:
        report = kind(
            ok=False,
            chunks=chunks,
            seconds=failure.spent.seconds,
            wasted_seconds=failure.spent.wasted_seconds,
            reason=str(failure)[:4_000],
        )
    return report.model_dump(mode="json")
