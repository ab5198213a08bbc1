"""Activity `verify_fit`: a fit said it succeeded; are its weights there, and what they should be?"""

from activities import gpu_tasks, model_choice, model_records
from activities.model_records import WrongWeights
from contracts.steps import Check, Verdict


def verify_fit(check: Check) -> Verdict:
    """Write the network's record if its weights are right; else say what is wrong."""
    start = gpu_tasks.read_start(check.job)
    try:
        record = model_records.ensure_record(start, model_choice.pinned(start), check.result)
    except WrongWeights as problem:
        return Verdict(problem=f"task {check.task} said it succeeded, but its weights cannot be used: {problem}")
    if record is None:
        return Verdict(problem=f"task {check.task} said it succeeded, but its weights do not exist")
    return Verdict()
