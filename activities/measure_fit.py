"""Activity `measure_fit`: how far the fit is that a run waits for, its own or another job's."""

import math
import re
from collections.abc import Mapping

from activities import gpu_tasks
from activities.storage import system_account
from contracts import layout
from contracts.fit import MAX_STEPS, FitClaim, FitProgress, ModelChoice
from contracts.steps import FitMeasured, RunRef

# Python writes a float with 24 characters at most.
LONGEST_NUMBER = 30


def measure_fit(run: RunRef) -> FitMeasured:
    """Nothing is known before the fit's task has said a word; of another job's fit, then, just whose it is."""
    system = system_account()
    choice = system.find_json(layout.JOBS, layout.model_choice_blob(run.job), ModelChoice)
    claim = system.find_json(layout.JOBS, layout.fit_claim_blob(choice.key), FitClaim) if choice else None
    if claim is None or gpu_tasks.has_ended(claim.job, claim.run):
        return FitMeasured()
    return FitMeasured(fit=progress_of(claim.job) if claim.job == run.job else awaited(claim))


def awaited(claim: FitClaim) -> FitProgress:
    """The claimant's progress, for another job to show."""
    said = progress_of(claim.job) or FitProgress(step=0, steps=1)
    return said.model_copy(update={"job": claim.job})


def progress_of(job: str) -> FitProgress | None:
    """What the last attempt to say something has said."""
    prefix = layout.fit_progress_prefix(job)
    said: dict[int, FitProgress] = {}
    for blob in system_account().container(layout.JOBS).list_blobs(name_starts_with=prefix, include=["metadata"]):
        attempt = blob.name.removeprefix(prefix)
        if re.fullmatch(r"[0-9]{1,8}", attempt) and (progress := parse(blob.metadata or {})):
            said[int(attempt)] = progress
    return said[max(said)] if said else None


def parse(said: Mapping[str, str]) -> FitProgress | None:
    """A progress blob's metadata, which a node wrote; None where that makes no sense."""
    step, steps = _whole(said.get("step")), _whole(said.get("steps"))
    if step is None or not steps or step > steps or steps > MAX_STEPS:
        return None
    style, content, consistency = (_finite(said.get(name)) for name in ("style", "content", "consistency"))
    return FitProgress(step=step, steps=steps, style=style, content=content, consistency=consistency)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,8}", text, re.ASCII) else None


def _finite(text: str | None) -> float | None:
    if text is None or len(text) > LONGEST_NUMBER:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
