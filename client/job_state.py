"""One job as the app tells it, whichever door it was read through."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from client.errors import AppError
from contracts.status import JobResult, JobStatus

# Durable Functions' runtime statuses in the user's words. A suspended job is one that an operator holds.
WORDS = {
    "Pending": "pending",
    "Running": "running",
    "ContinuedAsNew": "running",
    "Suspended": "suspended",
    "Completed": "finished",
    "Failed": "failed",
    "Terminated": "cancelled",
    "Canceled": "cancelled",
}


@dataclass(frozen=True)
class JobState:
    """`status` is None until the orchestration has said something, `result` unless it has finished."""

    job: str
    word: str
    status: JobStatus | None
    result: JobResult | None
    reason: str | None
    created: str | None = None
    updated: str | None = None

    @property
    def has_ended(self) -> bool:
        return self.word in ("finished", "failed", "cancelled")

    @property
    def only_fitted(self) -> bool:
        """Whether the job has finished and left a fitted network, and no video."""
        return self.result is not None and self.result.output is None

    @classmethod
    def parse(cls, payload: dict[str, Any]) -> "JobState":
        """Read `{"job" or "instanceId", "runtimeStatus", "customStatus", "output", ...}`.

        Raises:
            AppError: the payload is not what this version of the contracts describes.
        """
        try:
            word = WORDS[payload["runtimeStatus"]]
            custom = payload.get("customStatus")
            status = JobStatus.model_validate(custom) if custom else None
            if word == "failed" and status is not None and status.phase == "cancelled":
                word = "cancelled"  # its workflow came to an end by itself before it was terminated
            result = JobResult.model_validate(payload.get("output")) if word == "finished" else None
            return cls(
                job=payload.get("job") or payload["instanceId"],
                word=word,
                status=status,
                result=result,
                reason=_reason(word, status, payload.get("output")),
                created=payload.get("createdTime"),
                updated=payload.get("lastUpdatedTime"),
            )
        except (KeyError, ValidationError) as error:
            raise AppError(f"the app tells of a job in a way this client does not know: {error}", 200) from error


def _reason(word: str, status: JobStatus | None, output: Any) -> str | None:
    if word == "cancelled":
        return (status.reason if status is not None else None) or "it was cancelled"
    if word != "failed":
        return None
    if status is not None and status.reason:
        return status.reason
    return str(output) if output else "the app gave no reason"
