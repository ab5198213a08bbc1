"""Activity `verify_chunk`: a task said it succeeded; is its segment there, with just the frames it was given?"""

import dataclasses

from activities import job_files
from activities.segments import REASON_LOST, Work, WrongSegment, read_outcome, record
from contracts import layout
from contracts.ledger import MAX_BAD_REASON_CHARACTERS
from contracts.steps import BadCount, Check, Verdict


def verify_chunk(check: Check) -> Verdict:
    """Record the outcome if the segment is right; else say what is wrong."""
    assert check.chunk is not None
    chunk = job_files.read_plan(check.job, check.run).chunks[check.chunk]
    work = dataclasses.replace(
        Work.of(chunk, check.piece),
        replaced=check.replacement.frames if check.replacement else (),
        reason=(check.bad_reason or REASON_LOST)[:MAX_BAD_REASON_CHARACTERS],
    )
    try:
        outcome = read_outcome(check.job, work, layout.segment_blob(check.job, check.task, check.run))
    except WrongSegment as error:
        return Verdict(problem=f"task {check.task} said it succeeded, but {error}")
    record(check.job, outcome, check.result)
    frames = work.span[1] - work.span[0] + 1
    return Verdict(frames=frames, **BadCount.fields_of(BadCount.of(outcome.replaced)))
