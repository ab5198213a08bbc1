"""Which span an activity's own is part of."""

from typing import Any

from contracts import layout
from telemetry.ids import RunSpans, SpanRef

# They look again and again whether something has happened: a span each would bury all others.
UNTRACED = frozenset({"measure_progress", "measure_fit", "check_run", "inspect_gpu_task", "claim_fit"})
PHASES = {
    "probe_video": "probing",
    "plan_chunks": "probing",
    "plan_fit": "probing",
    "find_model": "preparing",
    "stitch_video": "stitching",
    "publish_stitched": "stitching",
    "publish": "publishing",
}


def parent_of(activity: str, payload: Any) -> SpanRef | None:
    """None for an activity that is given no span. `payload` names its job and run, and its task where it has one."""
    if activity in UNTRACED:
        return None
    refs = RunSpans(payload.job, payload.run)
    if phase := PHASES.get(activity):
        return refs.phase(phase)
    task = getattr(payload, "task", None)
    return refs.root if task is None else refs.work(layout.work_name(task))
