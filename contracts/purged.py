"""What was removed of a job that its users wanted forgotten."""

from pydantic import Field

from contracts.model import Contract

Count = Field(default=0, ge=0)


class Purged(Contract):
    """Numbers of blobs, of Batch's jobs and of orchestrations. `video` is the job's upload, if that was removed."""

    job: str
    outputs: int = Count
    intermediates: int = Count
    logs: int = Count
    dead_letters: int = Count
    measured: int = Count
    batch_jobs: int = Count
    orchestrations: int = Count
    video: str | None = None
