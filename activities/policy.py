"""The part of settings and options that the workflow itself goes by."""

from contracts.job import JobOptions
from contracts.settings import Settings
from contracts.steps import Policy


def policy_of(known: Settings, options: JobOptions) -> Policy:
    """As they are now: a run keeps what it was given."""
    return Policy(
        max_attempts=known.max_attempts,
        poll_seconds=known.poll_seconds,
        progress_seconds=known.progress_seconds,
        chunks_per_group=known.chunks_per_group,
        workers=known.workers,
        slots_per_node=known.pool_slots_per_node,
        node_price_per_hour=known.node_price_per_hour,
        currency=known.price_currency,
        on_bad_frame=options.on_bad_frame,
        max_bad_frames=0 if options.on_bad_frame == "fail" else options.max_bad_frames,
        max_bad_run=0 if options.on_bad_frame == "fail" else options.max_bad_run,
        fit_max_seconds=known.fit_max_seconds,
    )
