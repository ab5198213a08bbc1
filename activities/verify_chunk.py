"""Activity `verify_chunk`: a task said it succeeded; is its segment there, with just the planned frames?"""

from activities.segments import check_segment, write_outcome
from activities.storage import system_account
from contracts import layout
from contracts.plan import Plan
from contracts.steps import Check, Verdict


def verify_chunk(check: Check) -> Verdict:
    """Record the chunk's outcome if the segment is right; else say what is wrong."""
    assert check.chunk is not None
    chunk = system_account().read_json(layout.JOBS, layout.plan_blob(check.job), Plan).chunks[check.chunk]
    segment = layout.segment_blob(check.job, check.task, check.run)
    outcome, problem = check_segment(chunk, check.result, segment)
    if outcome is None:
        return Verdict(problem=problem)
    write_outcome(check.job, outcome)
    return Verdict(frames=chunk.frame_count)
