"""Activity `verify_fit`: a fit said it succeeded; are its weights there?"""

from activities import gpu_tasks, models
from contracts.steps import Check, Verdict


def verify_fit(check: Check) -> Verdict:
    if models.exists(gpu_tasks.read_start(check.job)):
        return Verdict()
    return Verdict(problem=f"task {check.task} said it succeeded, but its weights do not exist")
