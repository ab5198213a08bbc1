"""Activity `end_run`: the run is over. Nothing of it goes on: its Batch job ends, and what wakes up later stops."""

from activities import batch as batch_service
from activities.storage import system_account
from contracts import layout
from contracts.steps import Ended, EndInput, RunEnd


def end_run(end: EndInput) -> Ended:
    """Mark the run as over and end its Batch job; unless it failed, remove the intermediates too.

    A failed run keeps its finished segments: starting the job again reuses them. Logs are kept.
    """
    system = system_account()
    marker = RunEnd(outcome=end.outcome, reason=end.reason)
    system.write_json(layout.JOBS, layout.ended_blob(end.job, end.run), marker)
    batch_service.end_job(layout.batch_job(end.job, end.run))
    system.delete_prefix(layout.JOBS, f"{end.job}/specs/")
    system.delete_prefix(layout.JOBS, layout.progress_prefix(end.job))
    if end.outcome != "failed":
        system.delete_prefix(layout.JOBS, layout.segment_prefix(end.job))
        system.delete_prefix(layout.JOBS, layout.outcome_prefix(end.job))
    return Ended(job=end.job, run=end.run)
