"""Activity `verify_chunk`: a task said it succeeded; is its segment there, with just the planned frames?"""

from activities.segments import WrongSegment, read_outcome, record
from activities.storage import system_account
from contracts import layout
from contracts.plan import Plan
from contracts.steps import Check, Verdict


def verify_chunk(check: Check) -> Verdict:
    """Record the chunk's outcome if the segment is right; else say what is wrong."""
    assert check.chunk is not None
    chunk = system_account().read_json(layout.JOBS, layout.plan_blob(check.job), Plan).chunks[check.chunk]
    try:
        outcome = read_outcome(check.job, chunk, layout.segment_blob(check.job, check.task, check.run))
    except WrongSegment as error:
        return Verdict(problem=f"task {check.task} said it succeeded, but {error}")
    record(check.job, outcome, check.result)
    return Verdict(frames=chunk.frame_count)
